"""Commits: of everything, of one administrator's work, of nothing; jobs, validation, and the way back."""

from panos.errors import PanCommitFailed, PanCommitNotNeeded
from panos.firewall import FirewallCommit
from panos.objects import Tag

from harness import RULES, check, equal, refused
from sdk import added, connect, names, op, rule, rule_names, rulebase, tag

STOCK = ["allow-legacy", "deny-east-west"]


def running_tags(firewall):
    return names(Tag, firewall, running=True)


@check
def a_synchronous_commit_waits_for_its_job(simulator):
    firewall = connect(simulator)
    added(firewall, tag("ours")).create()
    equal(running_tags(firewall), ["legacy"])
    equal(firewall.pending_changes(), True)
    result = firewall.commit(sync=True, exception=True)
    equal((result["success"], result["result"], result["user"]), (True, "OK", "sallyport"))
    assert "Configuration committed successfully" in result["messages"], result["messages"]
    equal(running_tags(firewall), ["legacy", "ours"])
    equal(firewall.pending_changes(), False)


@check
def an_asynchronous_commit_gives_a_job_to_wait_for(simulator):
    simulator.control("POST", "/commit-time", {"ms": 700})
    firewall = connect(simulator)
    added(firewall, tag("ours")).create()
    job = firewall.commit()
    assert job.isdigit(), job
    status = op(firewall, f"<show><jobs><id>{job}</id></jobs></show>").find("./result/job")
    assert status.findtext("status") in ("PEND", "ACT"), status.findtext("status")
    equal((status.findtext("result"), status.findtext("user")), ("PEND", "sallyport"))
    equal(running_tags(firewall), ["legacy"])
    equal(firewall.syncjob(job)["success"], True)
    equal(running_tags(firewall), ["legacy", "ours"])
    listed = op(firewall, "<show><jobs><all/></jobs></show>").findall("./result/job")
    equal([found.findtext("id") for found in listed], [job])
    with refused("not found"):
        firewall.syncjob(str(int(job) + 1))


@check
def nothing_to_commit_makes_no_job(simulator):
    firewall = connect(simulator)
    equal(firewall.commit(sync=True), None)
    with refused("Commit not needed", PanCommitNotNeeded):
        firewall.commit(sync=True, exception=True)
    equal(simulator.control("GET", "/state")["jobs"], [])


@check
def partial_commit_leaves_another_administrators_change(simulator):
    ours, theirs = connect(simulator), connect(simulator, "colleague")
    added(theirs, tag("theirs")).create()
    added(ours, tag("ours")).create()
    equal(ours.commit(sync=True, admins=["sallyport"])["success"], True)
    equal(running_tags(ours), ["legacy", "ours"])
    assert simulator.pending() and {owner for owner, _ in simulator.pending()} == {"colleague"}
    equal(theirs.commit(sync=True, admins="colleague")["success"], True)
    equal(running_tags(ours), ["legacy", "theirs", "ours"])


@check
def partial_commit_of_one_who_changed_nothing_is_not_needed(simulator):
    ours, theirs = connect(simulator), connect(simulator, "colleague")
    added(theirs, tag("theirs")).create()
    with refused("Commit not needed", PanCommitNotNeeded):
        ours.commit(sync=True, exception=True, admins=["sallyport"])
    equal(running_tags(ours), ["legacy"])


@check
def the_same_two_administrators_rules_must_be_committed_together(simulator):
    ours, theirs = connect(simulator), connect(simulator, "colleague")
    added(rulebase(theirs), rule("theirs")).create()
    added(rulebase(ours), rule("ours")).create()
    with refused("Commit failed", PanCommitFailed):
        ours.commit(sync=True, exception=True, admins=["sallyport"])
    equal(rule_names(ours, running=True), STOCK)
    equal(ours.commit(sync=True, admins=["sallyport", "colleague"])["success"], True)
    equal(rule_names(ours, running=True), [*STOCK, "theirs", "ours"])


@check
def commit_objects_say_what_they_carry(simulator):
    firewall = connect(simulator)
    added(firewall, tag("ours")).create()
    result = firewall.commit(cmd=FirewallCommit(description="ticket 7", admins=["sallyport"]), sync=True)
    equal((result["success"], result["xml"].findtext("./result/job/description")), (True, "ticket 7"))
    equal(firewall.commit(cmd=FirewallCommit(description="again", force=True), sync=True)["success"], True)
    added(firewall, tag("more")).create()
    excluded = FirewallCommit(exclude_policy_and_objects=True)
    equal(firewall.commit(cmd=excluded, sync=True), None)
    equal(running_tags(firewall), ["legacy", "ours"])


@check
def a_commit_that_fails_says_why(simulator):
    firewall = connect(simulator)
    firewall.xapi.set(
        f"{RULES}/entry[@name='half']",
        "<from><member>trust</member></from><to><member>trust</member></to><source><member>any</member></source>"
        "<destination><member>any</member></destination><application><member>ssl</member></application>"
        "<action>allow</action>",
    )
    result = firewall.commit(sync=True)
    equal((result["success"], result["result"]), (False, "FAIL"))
    assert any("half is missing 'service'" in line for line in result["messages"]), result["messages"]
    equal(rule_names(firewall, running=True), STOCK)
    equal(firewall.pending_changes(), True)


@check
def validation_is_a_job_that_changes_nothing(simulator):
    firewall = connect(simulator)
    added(firewall, tag("ours")).create()
    result = firewall.syncjob(op(firewall, "<validate><full/></validate>"))
    equal((result["success"], result["xml"].findtext("./result/job/type")), (True, "Validate"))
    equal((running_tags(firewall), firewall.pending_changes()), (["legacy"], True))
    firewall.xapi.set(f"{RULES}/entry[@name='half']", "<action>allow</action>")
    equal(firewall.syncjob(op(firewall, "<validate><full/></validate>"))["success"], False)


@check
def pending_changes_are_listed_with_their_owners(simulator):
    ours, theirs = connect(simulator), connect(simulator, "colleague")
    added(theirs, tag("theirs")).create()
    added(ours, tag("ours")).create()
    listed = op(ours, "<show><config><list><changes/></list></config></show>").findall("./result/journal/entry")
    found = {entry.findtext("xpath").rsplit("/", 1)[-1]: entry.findtext("owner") for entry in listed}
    equal(found, {"entry[@name='theirs']": "colleague", "entry[@name='ours']": "sallyport"})
    command = "<show><config><list><changes><partial><admin><member>colleague</member></admin></partial></changes></list></config></show>"
    equal(len(op(ours, command).findall("./result/journal/entry")), 1)
    equal(ours.commit(sync=True)["success"], True)
    equal(op(ours, "<show><config><list><changes/></list></config></show>").findall(".//entry"), [])


@check
def writes_during_a_commit_are_not_in_it(simulator):
    simulator.control("POST", "/commit-time", {"ms": 500})
    firewall = connect(simulator)
    added(firewall, tag("first")).create()
    job = firewall.commit()
    added(firewall, tag("second")).create()
    equal(firewall.syncjob(job)["success"], True)
    equal((running_tags(firewall), firewall.pending_changes()), (["legacy", "first"], True))


@check
def loading_the_running_configuration_takes_back_everybodys_work(simulator):
    ours, theirs = connect(simulator), connect(simulator, "colleague")
    added(theirs, tag("theirs")).create()
    added(ours, tag("ours")).create()
    ours.revert_to_running_configuration()
    equal(names(Tag, ours), ["legacy"])
    equal(ours.pending_changes(), False)


@check
def reverting_one_administrators_work_leaves_the_others(simulator):
    ours, theirs = connect(simulator), connect(simulator, "colleague")
    added(theirs, tag("theirs")).create()
    added(ours, tag("ours")).create()
    op(ours, "<revert><config><partial><admin><member>sallyport</member></admin></partial></config></revert>")
    equal(names(Tag, ours), ["legacy", "theirs"])
    op(ours, "<revert><config/></revert>")
    equal((names(Tag, ours), ours.pending_changes()), (["legacy"], False))


@check
def saved_configurations_can_be_loaded(simulator):
    firewall = connect(simulator)
    added(firewall, tag("ours")).create()
    op(firewall, "<save><config><to>before.xml</to></config></save>")
    op(firewall, "<revert><config/></revert>")
    equal(names(Tag, firewall), ["legacy"])
    op(firewall, "<load><config><from>before.xml</from></config></load>")
    equal(names(Tag, firewall), ["legacy", "ours"])
    with refused("full commit"):
        firewall.commit(sync=True, exception=True, admins=["sallyport"])
    equal(firewall.commit(sync=True)["success"], True)
    equal(running_tags(firewall), ["legacy", "ours"])
    with refused("absent.xml"):
        op(firewall, "<load><config><from>absent.xml</from></config></load>")
