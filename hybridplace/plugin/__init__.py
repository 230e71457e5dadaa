"""What plug-in authors import."""
