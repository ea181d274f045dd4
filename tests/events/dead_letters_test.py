#!/usr/bin/env python3
"""Dead letters of the built `events`, looked at and worked on with its command, and replayed by the next run.
Exit code 1 if something does not hold.
"""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import tables
from programs import Events, check, main_of

LINES = [b'{"id":"a","data":1}', b'{"id":"b","data":', b'{"id":2,"data":3}', b'\xff\xfe', b'{"data":5}']


class Command:
    """`events dead-letters` on one file."""

    def __init__(self, program, path):
        self.program = program
        self.environment = os.environ | {"EVENTS_DEAD_LETTERS": str(path), "USER": "tester"}

    def run(self, *arguments, given=b"", user=None):
        """Answers the exit code, standard output and standard error."""
        done = subprocess.run([self.program, "dead-letters", *map(str, arguments)], input=given,
                              env=self.environment, capture_output=True, check=False, timeout=60, user=user)
        return done.returncode, done.stdout, done.stderr.decode()

    def __call__(self, *arguments, given=b""):
        """Standard output; it must go well."""
        code, output, error = self.run(*arguments, given=given)
        check(code == 0, f"{arguments} ended with {code}: {error}")
        return output.decode()

    def letters(self, *filters):
        return [json.loads(line) for line in self("list", "-o", "json", *filters).splitlines()]

    def audit(self):
        return [json.loads(line) for line in self("audit", "-o", "json").splitlines()]


def run_once(programs, folder, source):
    with Events(programs.events, folder, source) as run:
        return run, run.finish()


def look(command):
    letters = command.letters()
    check([one["position"] for one in letters] == [2, 3, 4, 5], f"other letters: {letters}")
    check(letters[2]["payload_base64"] == "//4=" and "payload" not in letters[2], f"{letters[2]}")
    check(letters[0]["payload"] == LINES[1].decode(), f"{letters[0]}")
    causes = json.loads(command("histogram", "-o", "json"))
    check(sum(one["count"] for one in causes) == 4, f"other causes: {causes}")
    check('{"data":5}' in command("show", letters[3]["id"]), "show does not show the payload")
    exported = [json.loads(line) for line in command("export").splitlines()]
    check(exported == letters, "export writes other letters than list shows")
    return [one["id"] for one in letters]


def mend_and_replay(command, programs, folder, source, ids):
    check(command.run("edit", ids[0], "--payload", "-")[0] == 1, "edit took an empty payload")
    command("edit", ids[0], "--payload", "-", given=b'{"id":"b","data":2}')
    check(command("show", ids[0], "--payload-before") == LINES[1].decode(), "the old payload is not kept")
    asked = json.loads(command("replay", "--id", ids[0], "--id", ids[1], "--dry-run", "-o", "json"))
    check(asked["requested"] == 2 and not command.letters("--state", "requested"), f"dry run: {asked}")
    for newly, under_way in [(2, 0), (0, 2)]:
        asked = json.loads(command("replay", "--id", ids[0], "--id", ids[1], "-o", "json"))
        check((asked["requested"], asked["under_way"]) == (newly, under_way), f"replay: {asked}")
    run, report = run_once(programs, folder, source)
    check(report["ledger"]["replayed"] == 2, f"not two were replayed: {report['ledger']}")
    log = run.log_file.read_text()
    check("a replay has begun pipeline=events\n" in log
          and 'outcome="2 requested: 1 succeeded, 1 failed again"' in log, f"the log tells of no replay: {log}")
    tables.check_ids(run.store, ["a", "b"])
    letters = {one["id"]: one for one in command.letters()}
    check(sorted(letters) == sorted(ids[1:]), f"other letters are left: {letters}")
    failed = letters[ids[1]]
    check((failed["replay_count"], failed["attempts"], failed["state"]) == (1, 2, "kept"), f"{failed}")


def look_into_others(program, folder, store):
    empty = folder / "empty.db"
    empty.touch()
    for path in (store, empty):
        before = path.read_bytes()
        for arguments in (["list"], ["purge", "--all", "--dry-run"], ["purge", "--all"], ["audit"]):
            code, output, error = Command(program, path).run(*arguments)
            check(code == 1 and not output and "holds no dead letters" in error, f"{arguments}: {code}, {error}")
        check(path.read_bytes() == before, f"{path.name} was changed")


def look_without_permission(program, path):
    if os.geteuid() != 0:
        return
    with tempfile.TemporaryDirectory() as name:
        copy = pathlib.Path(name) / "copy.db"
        shutil.copy(path, copy)
        copy.chmod(0o444)
        pathlib.Path(name).chmod(0o755)
        command = Command(program, copy)
        first = command.letters()[0]["id"]
        for arguments in (["list"], ["show", first], ["histogram"], ["audit"], ["replay", "--all", "--dry-run"],
                          ["purge", "--all", "--dry-run"], ["export"]):
            code, output, error = command.run(*arguments, user=65534)
            check(code == 0 and (output or arguments == ["audit"]), f"{arguments} ended with {code}: {error}")
        check("the audit has no line of this" in error, f"an export without permission: {error}")
        code, _, error = command.run("purge", "--all", user=65534)
        check(code == 1 and "may not be written" in error, f"a purge without permission: {code}, {error}")


def purge(command, ids):
    check(command.run("purge")[0] == 2, "purge without a filter")
    check(command("purge", "--cause", "broken JSON") == "1 letter removed\n", "purge by cause")
    check(command("purge", "--all") == "2 letters removed\n", "purge of all")
    check(command("list") == "no dead letters\n", "letters after the purge")
    lines = command.audit()
    done = [line["what"] for line in lines if line["who"].startswith("tester (uid ")]
    check(done == ["export", "edit", "replay", "replay", "purge", "purge"], f"audit: {lines}")
    check({"replayed", "failed again"} <= {line["what"] for line in lines}, f"audit: {lines}")


def dead_letters(programs, folder):
    source = folder / "in.jsonl"
    source.write_bytes(b"\n".join(LINES) + b"\n")
    run, report = run_once(programs, folder, source)
    check(report["ledger"]["dead_lettered"] == 4, f"not four letters: {report['ledger']}")
    command = Command(programs.events, run.dead_letters)
    ids = look(command)
    look_into_others(programs.events, folder, run.store)
    look_without_permission(programs.events, run.dead_letters)
    mend_and_replay(command, programs, folder, source, ids)
    purge(command, ids)


if __name__ == "__main__":
    main_of(__doc__, "dead letters", dead_letters)
