"""What an engine changes on the machine, recorded before it starts and put back after it has ended."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from compose_check.shell import run

FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
TABLES = ("filter", "nat", "mangle", "raw")
CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class HostState:
    """Forwarding, rules of the firewall, network devices, mounts and control groups of the machine."""

    ip_forward: str
    rules: dict[str, tuple[str, ...]]
    """Program and table to its lines, in iptables' own words."""
    devices: frozenset[str]
    mounts: frozenset[str]
    firewall: frozenset[str]
    """Tables of nftables, in which iptables keeps its rules."""

    @classmethod
    def read(cls) -> HostState:
        """Record the machine as it is now."""
        return cls(
            ip_forward=FORWARD.read_text(),
            rules={f"{program} {table}": _rules(program, table) for program in _programs() for table in TABLES},
            devices=frozenset(path.name for path in Path("/sys/class/net").iterdir()),
            mounts=frozenset(_mounts()),
            firewall=frozenset(_firewall()),
        )

    def differences(self, cgroup: str) -> list[str]:
        """Return what is otherwise now than it was, in words; `cgroup` is the parent that the engine was given."""
        now = HostState.read()
        found = [f"ip_forward is {now.ip_forward.strip()}"] if now.ip_forward != self.ip_forward else []
        for name, lines in now.rules.items():
            before = self.rules.get(name, ())
            found += [f"{name} has {line}" for line in lines if line not in before]
            found += [f"{name} lacks {line}" for line in before if line not in lines]
        # Other programs of the machine may make devices and mounts meanwhile: only an engine's are counted.
        found += [f"device {name}" for name in now.devices - self.devices if _is_bridge(name)]
        found += [f"mount {path}" for path in now.mounts - self.mounts if cgroup in path or "/docker" in path]
        return found + [f"control group {path}" for path in _groups(cgroup)]

    def restore(self, cgroup: str, folder: Path) -> None:
        """Put back what the engine with that control group and that data folder changed."""
        _unmount(folder)
        for name in (path.name for path in Path("/sys/class/net").iterdir()):
            if name not in self.devices and _is_bridge(name):
                _try("ip", "link", "delete", name)
        for program in _programs():
            for table in TABLES:
                _restore_table(program, table, self.rules.get(f"{program} {table}", ()))
        for table in _firewall():
            if table not in self.firewall and not _all_rules(table):
                _try("nft", "delete", "table", *table.split())
        if FORWARD.read_text() != self.ip_forward:
            FORWARD.write_text(self.ip_forward)
        for group in sorted(_groups(cgroup), key=lambda path: len(path.parts), reverse=True):
            with suppress(OSError):  # `differences` reports it
                group.rmdir()


def _programs() -> list[str]:
    return [program for program in ("iptables", "ip6tables") if shutil.which(program)]


def _try(*command: str) -> None:
    """Run a command whose failure is seen by looking at the state afterwards."""
    subprocess.run(command, check=False, capture_output=True)


def _unmount(folder: Path) -> None:
    for path in sorted(_mounts(), key=len, reverse=True):
        if path.startswith(f"{folder}/"):
            _try("umount", "--lazy", path)


def _is_bridge(name: str) -> bool:
    return name == "docker0" or name.startswith(("br-", "veth"))


def _mounts() -> list[str]:
    return [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]


def _groups(cgroup: str) -> list[Path]:
    """Control groups of that parent, in each hierarchy that is mounted."""
    tops = [path for path in (*CGROUPS.glob(cgroup), *CGROUPS.glob(f"*/{cgroup}")) if path.is_dir()]
    return [path for top in tops for path in (top, *top.rglob("*")) if path.is_dir()]


def _firewall() -> list[str]:
    """Tables of nftables as `family name`, such as `ip nat`."""
    if not shutil.which("nft"):
        return []
    done = subprocess.run(["nft", "list", "tables"], check=False, capture_output=True, text=True)
    return [line.removeprefix("table ") for line in done.stdout.splitlines()]


def _rules(program: str, table: str) -> tuple[str, ...]:
    """A table's lines; none where it has only empty chains that accept everything, as if it were not there."""
    if f"{'ip' if program == 'iptables' else 'ip6'} {table}" not in _firewall() and shutil.which("nft"):
        return ()  # asking would make it
    done = subprocess.run([program, "--wait", "-t", table, "-S"], check=False, capture_output=True, text=True)
    return tuple(line for line in done.stdout.splitlines() if not (line.startswith("-P ") and line.endswith("ACCEPT")))


def _all_rules(table: str) -> tuple[str, ...]:
    family, _, name = table.partition(" ")
    return _rules("iptables" if family == "ip" else "ip6tables", name)


def _restore_table(program: str, table: str, before: tuple[str, ...]) -> None:
    """Remove the engine's rules and chains that were not there before, and put its policies back."""
    command = [program, "--wait", "-t", table]
    added = [line for line in _rules(program, table) if line not in before]
    for line in (line for line in added if line.startswith("-A ")):
        if "DOCKER" in line or "docker0" in line or " br-" in line or "172." in line:
            _try(*command, "-D", *shlex.split(line.removeprefix("-A ")))
    chains = [line.split()[1] for line in added if line.startswith("-N DOCKER")]
    for action in ("-F", "-X"):
        for chain in chains:
            _try(*command, action, chain)
    for line in (line for line in added if line.startswith("-P ")):
        policies = {old.split()[1]: old.split()[2] for old in before if old.startswith("-P ")}
        run([*command, "-P", line.split()[1], policies.get(line.split()[1], "ACCEPT")])
