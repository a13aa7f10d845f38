"""Starting and stopping: what the command line promises."""

import os
import stat
import subprocess

import pytest
from callbox_hil.rest import Rest, ok, set_up

BAD_SETTINGS = 'no_such_section_one = 1\n\n[no_such_section_two]\nx = "y"\n'


def test_ready_comes_last_and_every_listener_is_named(new_box):
    box = new_box()
    listeners = [line for line in box.lines if line.startswith("listening ")]
    assert box.https.startswith("https://127.0.0.1:") and box.http.startswith("http://127.0.0.1:")
    assert box.lines.index("ready") > max(box.lines.index(line) for line in listeners)
    assert not box.https.endswith(":0")


def test_stop_is_clean_and_quick(new_box):
    box = new_box()
    assert box.stop() == 0


def test_a_stopped_box_starts_again_with_its_data_and_without_a_setup_code(new_box):
    box = new_box()
    set_up(box)
    with Rest(box) as rest:
        before = ok(rest.get("/api/box"))
    assert box.stop() == 0
    box.start()
    with Rest(box) as rest:
        after = ok(rest.get("/api/box"))
    assert after["setUp"] is True and after["boxId"] == before["boxId"] and after["name"] == "Test box"
    assert not [line for line in box.lines if line.startswith("setup code")]


def test_the_setup_code_survives_a_restart_of_a_box_that_is_not_set_up(new_box):
    box = new_box()
    code = box.setup_code
    box.stop()
    box.start()
    assert code == box.setup_code
    set_up(box)


def test_the_setup_code_file_is_private_and_goes_away(new_box):
    box = new_box()
    file = box.data_dir / "setup-code"
    assert file.read_text().strip() == box.setup_code
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    set_up(box)
    assert not file.exists()


def test_bad_settings_end_with_64_and_all_their_errors(new_box, tmp_path):
    settings = tmp_path / "box.toml"
    settings.write_text(BAD_SETTINGS)
    box = new_box("--config", str(settings), start=False)
    box.launch()
    assert box.wait_stopped(within=10) == 64
    told = box.log() + "\n".join(box.lines)
    assert "no_such_section_one" in told and "no_such_section_two" in told
    assert not box.listeners(), "a port was bound before the settings were checked"


def test_check_config_names_every_error_with_its_line(binary, tmp_path):
    settings = tmp_path / "box.toml"
    settings.write_text(BAD_SETTINGS)
    run = subprocess.run([binary, "check-config", settings], capture_output=True, text=True, timeout=10)
    told = run.stdout + run.stderr
    assert run.returncode == 64, told
    for line, name in (("1", "no_such_section_one"), ("3", "no_such_section_two")):
        assert [said for said in told.splitlines() if name in said and line in said], told


EVERY_KIND_OF_ERROR = """\
[listen]
https = "nowhere"
http = 7
[accounts]
hash_target_ms = 9000
max_sessions_per_user = "many"
[store]
reserve_mb = 5
[log]
filter = "callbox=shout"
[no_such]
"""
BLAMED = {2: "https", 3: "http", 5: "hash_target_ms", 6: "max_sessions_per_user", 8: "reserve_mb", 11: "no_such"}


def test_every_kind_of_error_is_listed_at_once_wherever_it_stands(binary, tmp_path):
    settings = tmp_path / "box.toml"
    settings.write_text(EVERY_KIND_OF_ERROR)
    environment = {"CALLBOX_WORKERS": "many", "CALLBOX_LOG": "a=b=c"}
    data = tmp_path / "never-made"
    command = [binary, "serve", "--config", settings, "--data-dir", data, "--turn", "somewhere"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=10, env={**os.environ, **environment})
    assert run.returncode == 64, run
    told = run.stderr.splitlines()
    for line, name in BLAMED.items():
        assert [said for said in told if said.startswith(f"line {line}:") and name in said], (line, name, told)
    for name in ("log.filter", "--turn", "CALLBOX_WORKERS", "CALLBOX_LOG"):
        assert [said for said in told if said.startswith(f"{name}:")], (name, told)
    assert not run.stdout and not data.exists(), "nothing was begun"


def test_broken_syntax_is_an_error_with_its_line(binary, tmp_path):
    settings = tmp_path / "box.toml"
    settings.write_text("[listen]\nhttps = [\n")
    run = subprocess.run([binary, "check-config", settings], capture_output=True, text=True, timeout=10)
    assert run.returncode == 64 and "line 2" in run.stderr, run


def test_check_config_accepts_an_empty_file(binary, tmp_path):
    settings = tmp_path / "box.toml"
    settings.write_text("")
    run = subprocess.run([binary, "check-config", settings], capture_output=True, text=True, timeout=10)
    assert run.returncode == 0, run.stderr


def test_a_settings_file_that_is_not_there_is_an_error(new_box, tmp_path):
    box = new_box("--config", str(tmp_path / "absent.toml"), start=False)
    box.launch()
    assert box.wait_stopped(within=10) == 64
    assert "absent.toml" in box.log()


@pytest.mark.parametrize("arguments", [["--version"], ["openapi"]])
def test_commands_that_only_print(binary, arguments):
    run = subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=10)
    assert run.returncode == 0 and run.stdout.strip(), run.stderr


def test_one_worker_is_enough(new_box):
    box = new_box(env={"CALLBOX_WORKERS": "1"})
    admin = set_up(box)
    assert ok(admin.rest.get("/api/users/me"))["role"] == "admin"
    assert box.stop() == 0
