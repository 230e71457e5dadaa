"""Policies are valid, or nothing is loaded and everything wrong with them is said."""

from __future__ import annotations

import pytest

from hybridplace.errors import InputError
from hybridplace.policy import load
from tests.policy.values import PERMIT, packs, written


def _faults(folder, text, *names):
    with pytest.raises(InputError) as caught:
        written(folder, text, *names)
    return caught.value.faults


def _policy(
    condition="true", *, notes='@id("x") @reason("r")', scope="principal, action, resource"
):
    return f"{notes} forbid ({scope}) when {{ {condition} }};"


WRONG = {
    "not Cedar": ("forbid (principal, action", "unexpected end of input"),
    "no semicolon": (_policy()[:-1], "unexpected end of input"),
    "unknown attribute": (_policy("principal.colour == 1"), "attribute `colour`"),
    "attribute of a job on a dataset": (_policy("principal.checkpointed"), "`checkpointed`"),
    "offer of a copy": (_policy('context.market == "spot"'), "`market`"),
    "wrong type": (_policy("resource.own == 3"), "not compatible"),
    "unknown action": (
        _policy(scope='principal, action == Action::"fly", resource'),
        'unrecognized action `Action::"fly"`',
    ),
    "template": (_policy(scope="principal == ?principal, action, resource"), "a template"),
    "a job by name": (
        _policy(scope='principal == Job::"j", action == Action::"place", resource'),
        'Job::"j"',
    ),
    "a site by name": (_policy('resource == Site::"s"'), 'Site::"s"'),
    "empty": ("// nothing here\n", "none"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_policy_is_refused(wrong, tmp_path):
    """Each kind of mistake is one of the faults, with file, line and remedy."""
    text, got = WRONG[wrong]

    faults = _faults(tmp_path, text)

    assert any(got in fault.got for fault in faults), faults
    assert {"mine.cedar"} == {fault.where for fault in faults}
    assert {"line 1"} == {fault.path for fault in faults}
    assert "" not in {fault.remedy for fault in faults}


ANNOTATIONS = {
    "no id": ('@reason("r")', ["@id"]),
    "empty id": ('@id("") @reason("r")', ["@id"]),
    "no value": ("@id @reason", ["@id", "@reason"]),
    "no reason": ('@id("x")', ["@reason"]),
    "blank reason": ('@id("x") @reason(" ")', ["@reason"]),
    "neither": ("", ["@id", "@reason"]),
    "the reserved id": ('@id("default-deny") @reason("r")', ["an @id that no other policy has"]),
}


@pytest.mark.parametrize("case", ANNOTATIONS)
def test_what_explains_a_policy_is_asked_for(case, tmp_path):
    """A policy without an id or reason of its own cannot be explained, and is refused."""
    notes, expected = ANNOTATIONS[case]

    faults = _faults(tmp_path, _policy(notes=notes))

    assert expected == [fault.expected for fault in faults]


def test_an_id_is_used_once(tmp_path):
    """Both policies of one id are named, also where one of them is in a pack."""
    text = _policy(notes='@id("base-place") @reason("r")')

    faults = _faults(tmp_path, text, "base")

    assert ["base", "mine.cedar"] == [fault.where for fault in faults]


def test_all_faults_come_at_once(tmp_path):
    """Every wrong policy, file and name is reported in one go, each with its line."""
    text = "\n".join(
        [
            "// a ; in a comment",
            _policy('principal.tenant == "a; b \\" ;"', notes='@id("fine") @reason("r;")'),
            _policy("principal.colour == 1", notes='@id("one") @reason("r")'),
            "permit principal;",
            "",
            _policy(notes='@id("two")'),
        ]
    )

    faults = _faults(tmp_path, text, "gpdr", "gone.cedar", "base", "base")

    assert [
        ("policies", "base"),
        ("policies", "gpdr"),
        ("gone.cedar", "-"),
        ("mine.cedar", "line 3"),
        ("mine.cedar", "line 4"),
        ("mine.cedar", "line 6"),
    ] == list(dict.fromkeys((fault.where, fault.path) for fault in faults))


NAMES = {
    "gpdr": "did you mean gdpr?",
    "GDPR": "did you mean gdpr?",
    "spot_safety": "did you mean spot-safety?",
    "xyzzy": "the packs are attestations, base,",
}


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_pack_is_guessed(name, tmp_path):
    """A pack that does not exist is answered with the one that was meant, or with all."""
    with pytest.raises(InputError) as caught:
        load([name], folder=tmp_path)

    (fault,) = caught.value.faults
    assert fault.remedy.startswith(NAMES[name])


UNREADABLE = {"absent": None, "not text": b"\xff\xfe"}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_an_unreadable_file_is_a_fault(kind, tmp_path):
    """A file that is not there, or is no text, is named."""
    if UNREADABLE[kind] is not None:
        (tmp_path / "mine.cedar").write_bytes(UNREADABLE[kind])

    with pytest.raises(InputError, match=r"mine\.cedar: -: expected a text file") as caught:
        load(["mine.cedar"], folder=tmp_path)

    assert 1 == len(caught.value.faults)


def test_a_folder_is_no_file(tmp_path):
    """A folder whose name ends in .cedar is a fault, not a traceback."""
    (tmp_path / "mine.cedar").mkdir()

    with pytest.raises(InputError, match="expected a text file"):
        load(["mine.cedar"], folder=tmp_path)


def test_a_long_policy_is_read(tmp_path):
    """A condition of a hundred parts is a policy like any other."""
    condition = " || ".join(f'principal.tenant == "t{number}"' for number in range(100))

    assert {"principal.tenant"} == written(tmp_path, _policy(condition)).reads


TOO_MUCH = {
    "too many parts": " || ".join(["true"] * 1500),
    "too long": " || ".join(["true"] * 100_000),
    "too deep": "(" * 30_000 + "true" + ")" * 30_000,
    "too deep in sets": "[" * 5_000 + "]" * 5_000 + " == 1",
}


@pytest.mark.parametrize("case", TOO_MUCH)
def test_too_much_is_a_fault(case, tmp_path):
    """What would exhaust the stack of a parser is refused in words before it gets there."""
    faults = _faults(tmp_path, _policy(TOO_MUCH[case]))

    assert ["one too long or nested too deeply"] == [fault.got for fault in faults]


def test_brackets_in_texts_are_no_depth(tmp_path):
    """Brackets in a string or a comment do not count."""
    condition = 'principal.tenant == "%s"' % ("(" * 100)
    text = "// " + "(" * 100 + "\n" + _policy(condition)

    assert 1 == len(written(tmp_path, text).policies)


EVERYTHING = {
    "nothing permits": (_policy("resource.own"), "no policy permits anything"),
    "open forbid": (
        f'{PERMIT} @id("never") @reason("r") forbid (principal, action, resource);',
        "never: forbids everything",
    ),
}


@pytest.mark.parametrize("case", EVERYTHING)
def test_a_set_that_only_denies_says_so(case, tmp_path):
    """A set that can never allow anything is legal, and tells why."""
    text, why = EVERYTHING[case]

    told = written(tmp_path, text).denies_everything

    assert told is not None
    assert told.startswith(why)


def test_rules_are_what_denials_can_name():
    """The rules are the policies that forbid, and default-deny, sorted, each with its reason."""
    rules = packs("base", "spot-safety").rules

    assert ["default-deny", "spot-inference", "spot-preprocessing", "spot-training"] == [
        rule.id for rule in rules
    ]
    assert [] == [rule.id for rule in rules if not rule.reason]


def test_the_digest_is_of_what_is_said(tmp_path):
    """The order of packs changes nothing; any change of a policy does."""
    assert packs("base", "gdpr").digest == packs("gdpr", "base").digest
    assert packs("base", "gdpr").digest != packs("base", "hipaa").digest
    first = written(tmp_path, _policy("resource.own")).digest
    assert first == written(tmp_path, f"// a comment\n{_policy('resource.own')}").digest
    assert first != written(tmp_path, _policy("!resource.own")).digest
