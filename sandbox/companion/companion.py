"""Runs in the companion container, beside the sandbox and out of the model's reach.

Standard library only; it arrives as text on Python's command line and is part of no image.

Standard input carries requests: four bytes of length (big-endian), then JSON, for a seed
followed by the bytes of its packs, those of submodules last. Standard output carries
answers as frames: one letter, four bytes of length, payload. D is a piece of an export;
R (JSON) and E (text for people) end an answer. An empty request ends an export early and
means nothing else. Standard error carries `quota <bytes>` when the volume has outgrown
its quota.

The tree may be hostile and may change while it is read. Every step down is an openat()
that follows no link, and a file is opened without blocking and read only if it is regular.
"""

import io
import json
import os
import select
import socket
import stat
import subprocess
import sys
import threading
import time
from contextlib import suppress

ROOT = "/workspace"
REPO = "/workspace/repo"
SCRATCH = "/workspace/submodule.git"
BRANCH = "honk"
MAX_ENTRIES = 1_000_000
MAX_NAMES = 256 << 20  # bytes of all paths, which this program and the host keep in memory
MAX_DEPTH = 2000  # deeper paths are beyond PATH_MAX, which git refuses anyway
FILE, FOLDER, LINK, OTHER = b"0", b"5", b"2", b"6"  # POSIX tar; a socket or device shows as a FIFO
ATTRIBUTES = "* -text -eol -filter -ident -working-tree-encoding\n"


class Refused(Exception):
    """The tree cannot be read as asked; the text is for people and the model."""


# ---- the way to the package proxy -------------------------------------------------------


def pump(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def forward(client, path, slots):
    with client, socket.socket(socket.AF_UNIX) as proxy, slots:
        try:
            proxy.connect(path)
        except OSError:
            return
        back = threading.Thread(target=pump, args=(proxy, client), daemon=True)
        back.start()
        pump(client, proxy)
        back.join()


def serve(listener, path):
    """Forward every connection to the proxy's Unix socket, in a process of its own."""
    slots = threading.BoundedSemaphore(256)
    while True:
        client, _ = listener.accept()
        with slots:  # wait for a free one before the next thread starts
            pass
        threading.Thread(target=forward, args=(client, path, slots), daemon=True).start()


# ---- walking ----------------------------------------------------------------------------


def walk(root, skip=(), closed=(), entries=MAX_ENTRIES, depth=MAX_DEPTH):
    """Yield (path, folder fd, name, stat) below ``root``, folders before their content.

    ``skip`` names entries of the root itself, ``closed`` folders whose content is left out.
    What vanishes meanwhile is left out, too.
    """
    stack = []  # (path of a folder with its slash, its fd, what is left of its entries)
    count = 0
    try:
        descend(stack, b"", root, None, depth)
        while stack:
            prefix, fd, names = stack[-1]
            name = next(names, None)
            if name is None:
                os.close(stack.pop()[1])
                continue
            if not prefix and name in skip:
                continue
            try:
                info = os.stat(name, dir_fd=fd, follow_symlinks=False)
            except OSError:
                continue
            count += 1
            if count > entries:
                raise Refused(f"There are more than {entries:,} files.")
            path = prefix + name
            yield path, fd, name, info
            if stat.S_ISDIR(info.st_mode) and path not in closed:
                descend(stack, path + b"/", name, fd, depth)
    finally:
        for _, fd, _ in stack:
            os.close(fd)


def descend(stack, path, name, parent, depth):
    """Push an open folder, unless it is no folder any more."""
    if len(stack) > depth:
        raise Refused(f"Folders are nested deeper than {depth:,} levels.")
    with suppress(OSError):
        fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
        stack.append((path, fd, iter(names_in(fd))))


def names_in(fd):
    try:
        return sorted(os.fsencode(name) for name in os.listdir(fd))
    except OSError:
        return []


# ---- seeding ----------------------------------------------------------------------------


def own(uid):
    """Give the whole volume to the sandbox's user, unless the image already did so."""
    if os.stat(ROOT).st_uid != uid:
        for _, fd, name, info in walk(ROOT):
            if info.st_uid != uid:
                os.chown(name, uid, uid, dir_fd=fd, follow_symlinks=False)
        os.chown(ROOT, uid, uid)


def lower(uid):
    """Become the sandbox's user for good; capabilities go with the user id."""
    os.setgroups([])
    os.setgid(uid)
    os.setuid(uid)
    os.umask(0o022)


class Git:
    """git in a seeded repository. Hooks, filters and foreign configuration have no part."""

    def __init__(self, top, tree):
        self.tree = tree
        self.environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": "/nonexistent",
            "LC_ALL": "C",
            "GIT_DIR": top,
            "GIT_WORK_TREE": tree,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ATTR_NOSYSTEM": "1",
        }

    def run(self, *words, data=None):
        done = subprocess.run(
            ["git", "-c", "checkout.workers=0", *words],
            cwd=self.tree,
            env=self.environment,
            stdin=subprocess.DEVNULL if data is None else None,
            input=data,
            capture_output=True,
        )
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise Refused(f"git {words[0]} failed: {said}")

    def index_pack(self, source, size):
        """One pack from ``source``; a thin one is completed from those before it."""
        with subprocess.Popen(
            ["git", "index-pack", "--stdin", "--fix-thin"],
            cwd=self.tree,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process:
            broken = False
            while size:
                piece = source.read(min(size, 1 << 20))
                if not piece:
                    raise SystemExit
                size -= len(piece)
                try:
                    if not broken:
                        process.stdin.write(piece)
                except OSError:  # git gave up; the rest must still leave the pipe
                    broken = True
            said = process.communicate()[1].decode(errors="replace").strip()
        if process.returncode:
            raise Refused(f"git index-pack failed: {said}")

    def check_out(self, commit):
        """Make the folder's content that of ``commit``; only ignored files of before are left."""
        try:
            self.fill(commit)
        except Refused:  # by a folder that its owner may not write to, perhaps
            unlock(self.tree)
            self.fill(commit)

    def fill(self, commit):
        prepared = any(name != ".git" for name in os.listdir(self.tree))
        self.run("read-tree", commit)
        if prepared:
            # What the image brought is hashed first, so that only real differences are written.
            subprocess.run(
                ["git", "update-index", "-q", "--refresh"],
                cwd=self.tree,
                env=self.environment,
                capture_output=True,
            )
        self.run("checkout-index", "--all", "--force", "--index", "--quiet")
        if prepared:
            self.run("clean", "-ffdq")


def repository(top, head, shallow):
    """Write an empty repository by hand: fewer processes, and no template takes part."""
    if os.path.islink(top) or os.path.isfile(top):
        os.unlink(top)
    elif os.path.isdir(top):
        remove(top)
    for name in ("objects/pack", "refs/heads", "refs/tags", "info"):
        os.makedirs(f"{top}/{name}")
    wide = len(head) == 64
    files = {
        "HEAD": f"ref: refs/heads/{BRANCH}\n",
        f"refs/heads/{BRANCH}": head + "\n",
        "info/attributes": ATTRIBUTES,
        "config": (
            f"[core]\n\trepositoryformatversion = {int(wide)}\n\tfilemode = true\n\tbare = false\n"
            "\tlogallrefupdates = true\n\tsymlinks = true\n\tautocrlf = false\n\tfsync = none\n"
            + ("[extensions]\n\tobjectformat = sha256\n" if wide else "")
            + "[user]\n\tname = honk\n\temail = honk@localhost\n[gc]\n\tauto = 0\n"
        ),
    }
    if shallow:
        files["shallow"] = "".join(commit + "\n" for commit in shallow)
    for name, text in files.items():
        with open(f"{top}/{name}", "w") as file:
            file.write(text)


def remove(folder):
    import shutil  # seldom needed, and slow to import

    unlock(folder)
    shutil.rmtree(folder)


def unlock(top):
    """Let the owner into ``top`` and every folder below it again, where it is the owner."""
    with suppress(OSError):
        os.chmod(top, 0o755)
    for _, fd, name, info in walk(top):
        if stat.S_ISDIR(info.st_mode) and info.st_mode & 0o700 != 0o700:
            with suppress(OSError):
                os.chmod(name, 0o755, dir_fd=fd)


def seed(request, source):
    """Make the repository and check it out, as the sandbox's user."""
    if os.path.islink(REPO) or os.path.isfile(REPO):  # by what ran there before
        os.unlink(REPO)
    os.makedirs(REPO, exist_ok=True)
    os.makedirs(ROOT + "/home", exist_ok=True)
    repository(REPO + "/.git", request["head"], request["shallow"])
    git = Git(REPO + "/.git", REPO)
    for size in request["packs"]:
        git.index_pack(source, size)
    git.check_out(request["checkout"])
    if request["checkout"] != request["head"]:
        git.run("read-tree", "-m", request["head"])  # -m keeps what it knows of unchanged files
    for module in request["submodules"]:
        seed_submodule(module, source)


def seed_submodule(module, source):
    """Put the files of a submodule into its folder: a plain one, without a repository of its own.

    git takes a submodule without a repository for an unchanged one.
    """
    folder = reach([os.fsencode(name) for name in module["path"].split("/")])
    if folder is None:
        raise Refused(f"{module['path']} is no folder.")
    os.close(folder)
    repository(SCRATCH, module["commit"], [module["commit"]])
    git = Git(SCRATCH, f"{REPO}/{module['path']}")
    git.index_pack(source, module["size"])
    git.check_out(module["commit"])
    remove(SCRATCH)


def seed_lowered(uid, request, source):
    """seed() in a child that has given up every privilege."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code, said = 1, ""
        try:
            os.close(reader)
            lower(uid)
            seed(request, source)
            code = 0
        except (Refused, OSError) as error:
            said = str(error)
        finally:
            os.write(writer, said.encode(errors="replace")[:4000])
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        said = file.read().decode(errors="replace")
    if os.waitpid(child, 0)[1]:
        raise Refused(said or "The process that seeds the repository died.")


# ---- reading ----------------------------------------------------------------------------


def snapshot(closed):
    """What identifies the content of each path that is no folder, from one pass."""
    found, names = {}, 0
    for path, _, _, info in walk(REPO, skip=(b".git",), closed=closed):
        if not stat.S_ISDIR(info.st_mode):
            found[path] = info.st_mtime_ns, info.st_ctime_ns, info.st_size, info.st_ino, info.st_mode
            names += len(path)
            if names > MAX_NAMES:
                raise Refused(f"The paths of all files take more than {MAX_NAMES >> 20} MiB.")
    return found


def header(path, kind, mode, size=0, link=b""):
    """A tar header: plain ustar where it fits, else with a pax header before it."""
    if len(path) > 100 or len(link) > 100 or size >= 1 << 33 or not (path + link).isascii():
        import tarfile  # seldom needed, and slow to import

        entry = tarfile.TarInfo(os.fsdecode(path))
        entry.type, entry.mode, entry.size, entry.linkname = kind, mode, size, os.fsdecode(link)
        return entry.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    block = bytearray(512)
    block[0 : len(path)] = path
    block[100:108] = b"%07o\0" % mode
    block[108:124] = b"0000000\0" * 2
    block[124:136] = b"%011o\0" % size
    block[136:148] = b"00000000000\0"
    block[148:156] = b" " * 8
    block[156:157] = kind
    block[157 : 157 + len(link)] = link
    block[257:265] = b"ustar\x0000"
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


class Export:
    """Collects the tar stream into frames and notices when the host wants no more."""

    def __init__(self, answer, source):
        self.answer, self.source, self.parts, self.size = answer, source, [], 0

    def put(self, data):
        self.parts.append(data)
        self.size += len(data)
        if self.size >= 1 << 18:
            self.flush()

    def flush(self):
        if select.select([self.source], [], [], 0)[0]:
            receive(self.source)
            raise Refused("stopped")
        self.answer(b"D", b"".join(self.parts))
        self.parts, self.size = [], 0

    def entry(self, path, fd, name, info):
        mode = stat.S_IMODE(info.st_mode)
        if stat.S_ISREG(info.st_mode):
            self.file(path, fd, name)
        elif stat.S_ISDIR(info.st_mode):
            self.put(header(path + b"/", FOLDER, mode))
        elif stat.S_ISLNK(info.st_mode):
            with suppress(OSError):
                self.put(header(path, LINK, mode, link=os.readlink(name, dir_fd=fd)))
        else:
            self.put(header(path, OTHER, mode))

    def file(self, path, fd, name):
        try:
            source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=fd)
        except OSError:
            return
        try:
            info = os.fstat(source)
            if not stat.S_ISREG(info.st_mode):
                return
            self.put(header(path, FILE, stat.S_IMODE(info.st_mode), info.st_size))
            left = info.st_size
            while left:
                # What is cut short meanwhile is filled up: the header's size is promised.
                piece = os.read(source, min(left, 1 << 18)) or bytes(min(left, 1 << 18))
                self.put(piece)
                left -= len(piece)
            self.put(bytes(-info.st_size % 512))
        finally:
            os.close(source)


def export_paths(export, paths):
    """Some paths, each reached without following a link; neighbours share their folder."""
    last, fd = None, None
    try:
        for path in paths:
            folder, _, name = path.rpartition(b"/")
            if folder != last:
                if fd is not None:
                    os.close(fd)
                last, fd = folder, reach(folder.split(b"/") if folder else [])
            if fd is None or name in (b"", b".", b".."):
                continue
            with suppress(FileNotFoundError):
                export.entry(path, fd, name, os.stat(name, dir_fd=fd, follow_symlinks=False))
    finally:
        if fd is not None:
            os.close(fd)


def reach(folders):
    """A descriptor of a folder below the repository; None if that is not what is there."""
    fd = os.open(REPO, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    for name in folders:
        above = fd
        try:
            if name in (b"", b".", b".."):
                return None
            fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)
        except OSError:
            return None
        finally:
            os.close(above)
    return fd


def export_tree(export, paths, closed):
    if paths is None:
        for path, fd, name, info in walk(REPO, skip=(b".git",), closed=closed):
            export.entry(path, fd, name, info)
    else:
        export_paths(export, paths)
    export.put(bytes(1024))
    export.flush()


# ---- the quota --------------------------------------------------------------------------


def usage():
    """Bytes that the volume takes on disk; files with several names count once."""
    total, seen = 0, set()
    # Caches and hostile trees may go beyond what can be handed over; a descriptor is open for
    # each level.
    for _, _, _, info in walk(ROOT, entries=10 * MAX_ENTRIES, depth=5 * MAX_DEPTH):
        if info.st_nlink > 1 and not stat.S_ISDIR(info.st_mode):
            if info.st_ino in seen:
                continue
            seen.add(info.st_ino)
        total += info.st_blocks * 512
    return total


def watch(quota):
    """Say `quota` once the volume is over it.

    Counting every file is slow for large trees and asking the file system is not: the
    files are counted when its own use has grown by what was left, and regularly, since
    others free space there too, for at most a fiftieth of the time.
    """
    known, at, checked, pause = 0, 0, 0.0, 0.0
    while True:
        time.sleep(0.5)
        disk = os.statvfs(ROOT)
        used = (disk.f_blocks - disk.f_bfree) * disk.f_frsize
        if used - at > (quota - known) * 0.9 or time.monotonic() - checked > pause:
            started = time.monotonic()
            try:
                known = usage()
            except Refused:
                known = quota + 1  # what cannot be counted must not grow
            at, checked = used, time.monotonic()
            pause = max(2.0, 50 * (checked - started))
            if known > quota:
                os.write(2, b"quota %d\n" % known)
                return
            time.sleep(min(5 * (checked - started), 10))


# ---- the loop ---------------------------------------------------------------------------


def child(function, *arguments):
    if os.fork() == 0:
        try:
            os.close(0)
            os.close(1)
            function(*arguments)
        finally:
            os._exit(1)


def answer(kind, data):
    view = memoryview(kind + len(data).to_bytes(4, "big") + data)
    while view:
        view = view[os.write(1, view) :]


def exactly(source, size):
    data = bytearray()
    while len(data) < size:
        piece = source.read(size - len(data))
        if not piece:
            return None
        data += piece
    return bytes(data)


def receive(source):
    """The next request's bytes; None when the host has gone."""
    size = exactly(source, 4)
    return None if size is None else exactly(source, int.from_bytes(size, "big"))


class Reader:
    """What the next scan compares with, and the folders that are none of its business."""

    def __init__(self):
        self.remembered, self.closed = {}, frozenset()

    def seeded(self, submodules):
        self.closed = frozenset(os.fsencode(module["path"]) for module in submodules)
        self.remembered = snapshot(self.closed)

    def scan(self):
        before, now = self.remembered, snapshot(self.closed)
        self.remembered = now
        return {
            "changed": [os.fsdecode(p) for p, mark in now.items() if before.get(p) != mark],
            "deleted": [os.fsdecode(p) for p in before if p not in now],
        }


def handle(request, source, reader, uid):
    """Carry out one request."""
    operation, result = request["op"], {}
    if operation == "seed":
        own(uid)
        seed_lowered(uid, request, source)
        reader.seeded(request["submodules"])
    elif operation == "scan":
        result = reader.scan()
    elif operation == "export":
        paths = request["paths"]
        named = None if paths is None else [os.fsencode(p) for p in paths]
        export_tree(Export(answer, source), named, reader.closed)
    answer(b"R", json.dumps(result).encode())


def main():
    options = json.loads(sys.argv[1])
    if options["proxy"]:
        listener = socket.create_server(("127.0.0.1", options["port"]), backlog=512)
        child(lambda: (lower(65534), serve(listener, options["proxy"])))
        listener.close()
    child(watch, options["quota"])
    source = io.FileIO(0, closefd=False)  # unbuffered: the seeding child reads it too
    reader = Reader()
    answer(b"R", b"{}")
    while (request := receive(source)) is not None:
        try:
            if request:
                handle(json.loads(request), source, reader, options["uid"])
        except Refused as error:
            answer(b"E", str(error).encode(errors="replace"))


main()
