"""SkyPilot's own optimizer on our jobs and offers, in a virtual environment of its own."""
