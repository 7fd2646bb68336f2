"""What code in the sandbox can and cannot do. Red-team items are those of the threat list."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.docker


def run(box, script, timeout=60.0):
    return box.shell.run(script, timeout=timeout)


def python(box, code, timeout=60.0):
    return run(box, f"python3 - <<'EOF'\n{code}\nEOF", timeout)


def test_it_runs_as_nobody_with_nothing(box):
    status = run(box, "id -u; id -G; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status").output.split(
        "\n"
    )
    assert status[:2] == ["10001", "10001"]
    values = dict(line.split(":\t") for line in status[2:] if line)
    assert {values[k] for k in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert values["NoNewPrivs"] == "1" and values["Seccomp"] == "2"


def test_the_engine_was_told_to_isolate(box, client):
    found = client.api.inspect_container(box.container_id)
    host = found["HostConfig"]
    assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and not host["CapAdd"]
    assert not host["Privileged"] and not host["Binds"] and not host["Devices"] and host["PidMode"] == ""
    assert host["NetworkMode"].startswith("container:") and host["IpcMode"] == "private"
    assert host["Memory"] == host["MemorySwap"] == 1 << 30 and host["PidsLimit"] == 512
    assert host["LogConfig"]["Type"] == "none" and host["Init"]
    assert [(m["Type"], m["Destination"]) for m in found["Mounts"]] == [("volume", "/workspace")]


def test_the_root_is_read_only_and_the_work_places_are_not(box):
    for path in ("/etc/x", "/usr/bin/x", "/x", "/var/lib/x"):
        assert run(box, f"touch {path}").exit_code != 0
    for path in ("/tmp/x", "/var/tmp/x", "/run/x", "~/x", "/workspace/x", "/dev/shm/x"):
        assert run(box, f"touch {path} && rm {path}").exit_code == 0


def test_programs_run_from_tmp_but_set_user_id_does_nothing(box):
    assert run(box, "cp /bin/true /tmp/t && /tmp/t; rm /tmp/t").exit_code == 0
    flags = run(box, "grep -E ' /(tmp|var/tmp|run) ' /proc/self/mounts").output
    assert flags.count("nosuid,nodev") == 3


FORBIDDEN = {
    "mount": "libc.mount(b'none', b'/tmp', b'tmpfs', 0, None)",
    "umount2": "libc.umount2(b'/tmp', 0)",
    "unshare user": "libc.unshare(0x10000000)",
    "unshare mount": "libc.unshare(0x20000)",
    "setns": "libc.setns(os.open('/proc/self/ns/net', 0), 0)",
    "chroot": "libc.chroot(b'/tmp')",
    "pivot_root": "libc.syscall(155, b'/tmp', b'/tmp')",
    "ptrace": "libc.ptrace(0, 0, 0, 0)",
    "keyctl": "libc.syscall(250, 0, -3, 0)",
    "add_key": "libc.syscall(248, b'user', b'x', b'y', 1, -3)",
    "bpf": "libc.syscall(321, 0, None, 0)",
    "perf_event_open": "libc.syscall(298, None, 0, -1, -1, 0)",
    "userfaultfd": "libc.syscall(323, 0)",
    "io_uring_setup": "libc.syscall(425, 8, ctypes.create_string_buffer(256))",
    "fsopen": "libc.syscall(430, b'tmpfs', 0)",
    "open_tree": "libc.syscall(428, -100, b'/tmp', 1)",
    "move_mount": "libc.syscall(429, -100, b'/tmp', -100, b'/tmp', 0)",
    "process_vm_readv": "libc.process_vm_readv(os.getpid(), None, 0, None, 0, 0)",
    "pidfd_getfd": "libc.syscall(438, 3, 0, 0)",
    "name_to_handle_at": "libc.syscall(303, -100, b'/tmp', bytes(256), bytes(8), 0)",
    "open_by_handle_at": "libc.syscall(304, -100, ctypes.create_string_buffer(256), 0)",
    "kexec_load": "libc.syscall(246, 0, 0, None, 0)",
    "init_module": "libc.syscall(175, None, 0, b'')",
    "reboot": "libc.reboot(0x4321FEDC)",
    "swapon": "libc.swapon(b'/tmp/x', 0)",
    "acct": "libc.acct(None)",
    "syslog": "libc.klogctl(3, ctypes.create_string_buffer(99), 99)",
    "clone a user namespace": "libc.syscall(56, 0x10000000 | 17, None, None, None, None)",
    "clone a network namespace": "libc.syscall(56, 0x40000000 | 17, None, None, None, None)",
    "personality with odd flags": "libc.personality(0x0400000)",
    "AF_VSOCK": "libc.socket(40, 1, 0)",
    "AF_ALG": "libc.socket(38, 5, 0)",
    "AF_PACKET": "libc.socket(17, 3, 0)",
    "AF_BLUETOOTH": "libc.socket(31, 3, 0)",
    "AF_KEY": "libc.socket(15, 3, 2)",
    "raw socket": "libc.socket(2, 3, 1)",
    "device node": "libc.mknod(b'/tmp/dev', 0o060600, 2049)",
}


def test_forbidden_calls_are_refused(box):
    lines = "\n".join(f"check({name!r}, lambda: {call})" for name, call in FORBIDDEN.items())
    result = python(
        box,
        "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "def check(name, call):\n"
        "    ctypes.set_errno(0)\n"
        "    found = call()\n"
        "    if found == 0 and name.startswith('clone'): os._exit(0)\n"
        "    print(name, found, ctypes.get_errno(), sep=':')\n" + lines,
    )
    refused = {
        line.split(":")[0] for line in result.output.splitlines() if line.endswith((":-1:1", ":-1:13"))
    }
    assert refused == set(FORBIDDEN), result.output


def test_clone3_says_that_it_does_not_exist(box):
    code = (
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "print(libc.syscall(435, bytes(88), 88), ctypes.get_errno())"
    )
    assert python(box, code).output == "-1 38\n"


def test_what_builds_and_tests_need_works(box):
    code = """
import asyncio, concurrent.futures, mmap, multiprocessing, os, socket, subprocess, tempfile, threading

def square(n):
    return n * n

threads = [threading.Thread(target=square, args=(n,)) for n in range(50)]
[t.start() for t in threads]; [t.join() for t in threads]
with concurrent.futures.ProcessPoolExecutor(4) as pool:
    assert list(pool.map(square, range(9)))[-1] == 64
with multiprocessing.get_context("fork").Manager() as manager:
    assert manager.list([1])[0] == 1
assert multiprocessing.Lock().acquire()
assert subprocess.run(["sh", "-c", "exit 3"]).returncode == 3
async def serve():
    server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await reader.read() == b""
    writer.close(); server.close()
asyncio.run(serve())
a, b = socket.socketpair(); a.send(b"x"); assert b.recv(1) == b"x"
socket.socket(socket.AF_INET6).close(); socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close()
with tempfile.NamedTemporaryFile() as f: f.truncate(4096); mmap.mmap(f.fileno(), 4096)
fd = os.memfd_create("x"); os.write(fd, b"#!/bin/sh\\n")
os.sched_getaffinity(0); os.nice(1); os.getrandom(4)
os.posix_spawn("/bin/true", ["true"], {}); os.wait()
print("all")
"""
    result = run(box, f"cat > /tmp/needs.py <<'EOF'\n{code}\nEOF\npython3 /tmp/needs.py; rm /tmp/needs.py")
    assert result.output.endswith("all\n"), result.output


def test_git_works_as_a_person_would_use_it(box):
    script = (
        "set -e; d=$(mktemp -d); cd $d; git init -q; git config user.name x; git config user.email x@y;"
        "echo a > a; git add a; git commit -qm a; git checkout -qb b; echo b >> a; git commit -qam b;"
        "git rebase -q HEAD~1; git gc -q; git worktree add -q ../w-$$; git log --oneline | wc -l"
    )
    assert run(box, f"({script})").output.endswith("2\n")


def test_no_credential_or_socket_of_the_host_is_there(box):
    found = run(
        box, "env; ls -la /var/run/docker.sock /run/honk /run/docker.sock 2>&1; cat /proc/self/mounts"
    ).output
    assert "No such file" in found and "srw" not in found
    assert not any(word in found for word in ("TOKEN", "API_KEY", "SECRET", "proxy.sock"))


def test_nothing_but_loopback_is_reachable(box, client):
    gateway = client.networks.get("bridge").attrs["IPAM"]["Config"][0].get("Gateway") or "172.17.0.1"
    code = f"""
import socket
for family, address in (
    (2, ("{gateway}", 22)),
    (2, ("1.1.1.1", 53)),
    (2, ("169.254.169.254", 80)),
    (10, ("2606:4700::1111", 53)),
):
    with socket.socket(family) as s:
        s.settimeout(3)
        print(s.connect_ex(address))
print(socket.if_nameindex())
"""
    lines = python(box, code).output.splitlines()
    assert set(lines[:-1]) <= {"101", "99"}  # ENETUNREACH, EADDRNOTAVAIL
    assert lines[-1] == "[(1, 'lo')]"


def test_no_name_leaves_the_container(box):
    """Item 44: a resolver would have to send a packet, and there is nowhere to send it."""
    result = python(
        box,
        "import socket\ntry: print(socket.gethostbyname('secret.example.com'))\n"
        "except OSError as e: print('no', e)",
    )
    assert result.output.startswith("no ")
    assert run(box, "cat /proc/net/route | wc -l").output.strip() == "1"


def test_a_memory_hog_dies_and_the_container_does_not(box):
    result = python(box, "x = bytearray(3 << 30)")
    assert result.exit_code == 137
    assert run(box, "echo on").output.endswith("on\n")


def test_files_processes_and_handles_are_capped(box):
    limits = run(box, "ulimit -n; ulimit -c; ulimit -f").output.split()
    assert limits == ["16384", "0", str((4 << 30) // 1024)]
    assert run(box, "head -c 1G /dev/zero > /tmp/fill").exit_code != 0
    assert run(box, "rm /tmp/fill; df -k /tmp | tail -1").exit_code == 0
    code = (
        "import threading, time\nn = 0\ntry:\n"
        "  while True: threading.Thread(target=time.sleep, args=(3,), daemon=True).start(); n += 1\n"
        "except RuntimeError: print(n < 512)"
    )
    assert python(box, code).output.endswith("True\n")


def test_the_keeper_and_the_companion_are_out_of_reach(box):
    found = run(box, "kill -9 1; for p in /proc/[0-9]*; do stat -c '%u %n' $p; done").output
    keepers = [line.split("/proc/")[1] for line in found.splitlines() if line.startswith("10002 ")]
    keeper = next(pid for pid in keepers if pid != "1")
    assert "not permitted" in run(box, f"kill -9 {keeper}").output
    assert "companion" not in run(box, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '").output


def test_the_companion_holds_only_four_capabilities(box, client):
    companion = (
        box.container_id and client.api.inspect_container(box.container_id)["HostConfig"]["NetworkMode"]
    )
    host = client.api.inspect_container(companion.partition(":")[2])["HostConfig"]
    assert sorted(host["CapAdd"]) == ["CHOWN", "DAC_READ_SEARCH", "SETGID", "SETUID"]
    assert host["NetworkMode"] == "none" and host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"]
