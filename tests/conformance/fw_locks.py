"""Configuration and commit locks: taken, held by another, given back."""

from panos.errors import PanLockError
from panos.objects import Tag

from harness import check, equal, refused
from sdk import added, connect, names, tag


@check
def a_configuration_lock_is_taken_once_and_given_back(simulator):
    firewall = connect(simulator)
    equal(firewall.check_config_locks(), False)
    equal(firewall.add_config_lock(comment="maintenance"), True)
    equal(firewall.check_config_locks(), True)
    with refused("You already own a config lock for scope shared", PanLockError):
        firewall.add_config_lock()
    equal(firewall.add_config_lock(exceptions=False), False)
    equal(firewall.remove_config_lock(), True)
    with refused("Config is not currently locked for scope shared", PanLockError):
        firewall.remove_config_lock()
    equal(firewall.check_config_locks(), False)


@check
def anothers_configuration_lock_holds_back_our_writes(simulator):
    ours, theirs = connect(simulator), connect(simulator, "colleague")
    theirs.add_config_lock(scope="vsys1")
    with refused("Config for scope vsys1 is currently locked", PanLockError):
        ours.add_config_lock(scope="vsys1")
    wanted = added(ours, tag("ours"))
    with refused("Configuration is locked by", PanLockError):
        wanted.create()
    equal(names(Tag, ours), ["legacy"])
    added(theirs, tag("theirs")).create()
    theirs.remove_config_lock(scope="vsys1")
    wanted.create()
    equal(names(Tag, ours), ["legacy", "theirs", "ours"])


@check
def a_commit_lock_is_taken_once_and_given_back(simulator):
    firewall = connect(simulator)
    equal(firewall.add_commit_lock(comment="maintenance"), True)
    equal(firewall.check_commit_locks(), True)
    with refused("Commit lock is already held", PanLockError):
        firewall.add_commit_lock()
    equal(firewall.remove_commit_lock(), True)
    with refused("Commit lock is not currently held", PanLockError):
        firewall.remove_commit_lock()
    equal(firewall.check_commit_locks(), False)


@check
def anothers_commit_lock_holds_back_our_commit(simulator):
    ours, theirs = connect(simulator), connect(simulator, "colleague")
    added(ours, tag("ours")).create()
    theirs.add_commit_lock()
    with refused("holding commit locks"):
        ours.commit(sync=True, exception=True)
    equal(names(Tag, ours, running=True), ["legacy"])
    ours.remove_commit_lock(admin="colleague")
    equal(ours.commit(sync=True, exception=True)["success"], True)


@check
def a_commit_gives_back_the_locks_of_its_administrator(simulator):
    firewall = connect(simulator)
    firewall.add_config_lock()
    firewall.add_commit_lock()
    added(firewall, tag("ours")).create()
    equal(firewall.commit(sync=True)["success"], True)
    equal((firewall.check_config_locks(), firewall.check_commit_locks()), (False, False))


@check
def locks_that_the_sdk_takes_by_itself(simulator):
    firewall = connect(simulator)
    firewall.lock_before_change = True
    added(firewall, tag("ours")).create()
    equal(firewall.check_config_locks(), True)
    firewall.remove_all_locks(scope="vsys1")
    equal(firewall.check_config_locks(), False)
