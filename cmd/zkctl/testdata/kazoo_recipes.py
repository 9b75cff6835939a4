"""What applications do with kazoo, each part ending in a line `NAME ok`."""

import sys
import threading

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import BadVersionError, NodeExistsError, NoNodeError, RolledBackError

HOSTS = sys.argv[1]
PATIENCE = 60


def client():
    c = KazooClient(hosts=HOSTS, timeout=10)
    c.start(timeout=PATIENCE)
    return c


def await_event(event, what):
    assert event.wait(PATIENCE), "never happened: " + what


def nodes(a, b):
    assert a.create("/nodes/plain", b"x", makepath=True) == "/nodes/plain"
    try:
        a.create("/nodes/plain")
        raise AssertionError("created twice")
    except NodeExistsError:
        pass
    assert a.create("/nodes/s-", sequence=True).endswith("s-0000000001")
    assert a.create("/nodes/e-", ephemeral=True, sequence=True).endswith("e-0000000002")
    assert a.create("/nodes/e", ephemeral=True) == "/nodes/e"
    path, stat = a.create("/nodes/two", b"22", include_data=True)
    assert path == "/nodes/two" and stat.dataLength == 2 and stat.version == 0
    b.sync("/nodes")
    assert b.exists("/nodes/e").ephemeralOwner == a.client_id[0]
    assert sorted(b.get_children("/nodes")) == ["e", "e-0000000002", "plain", "s-0000000001", "two"]
    try:
        b.set("/nodes/plain", b"y", version=7)
        raise AssertionError("wrong version accepted")
    except BadVersionError:
        pass
    assert b.set("/nodes/plain", b"y", version=0).version == 1
    try:
        b.delete("/nodes/none")
        raise AssertionError("deleted nothing")
    except NoNodeError:
        pass


def lock(a, b):
    order, held, wanted = [], threading.Event(), threading.Event()

    def second():
        await_event(held, "the lock is held")
        mine = b.Lock("/lock", "b")
        wanted.set()
        with mine:
            order.append("b")

    t = threading.Thread(target=second)
    t.start()
    with a.Lock("/lock", "a"):
        held.set()
        await_event(wanted, "the other wants it")
        contended = threading.Event()

        @a.ChildrenWatch("/lock")
        def look(children):
            if len(children) >= 2:
                contended.set()
                return False

        await_event(contended, "both are queued")
        order.append("a")
    t.join(PATIENCE)
    assert order == ["a", "b"], order


def election(a, b):
    led, first_leads, let_go = [], threading.Event(), threading.Event()

    def first():
        led.append("a")
        first_leads.set()
        let_go.wait(PATIENCE)

    one = threading.Thread(target=lambda: a.Election("/election", "a").run(first))
    one.start()
    await_event(first_leads, "the first leads")
    two = threading.Thread(target=lambda: b.Election("/election", "b").run(lambda: led.append("b")))
    two.start()
    let_go.set()
    one.join(PATIENCE)
    two.join(PATIENCE)
    assert led == ["a", "b"], led


def queue(a, b):
    q, other = a.Queue("/queue"), b.Queue("/queue")
    for i in range(10):
        q.put(b"%d" % i)
    b.sync("/queue")
    assert [other.get() for _ in range(10)] == [b"%d" % i for i in range(10)]
    locking = a.LockingQueue("/locking")
    locking.put_all([b"p", b"q"])
    assert locking.get(timeout=PATIENCE) == b"p" and locking.consume()


def watches(a, b):
    a.create("/watched", b"0")
    seen, done = [], threading.Event()
    kids, kids_done = [], threading.Event()

    @a.DataWatch("/watched")
    def on_data(data, stat, event):
        seen.append(data)
        if data is None:
            done.set()
            return False

    @a.ChildrenWatch("/watched")
    def on_children(children):
        kids.append(len(children))
        if len(children) == 1:
            kids_done.set()
            return False

    b.sync("/watched")
    b.set("/watched", b"1")
    b.create("/watched/kid")
    await_event(kids_done, "children watch")
    b.delete("/watched", recursive=True)
    await_event(done, "data watch sees the deletion")
    assert seen[0] == b"0" and seen[-1] is None, seen
    assert kids[0] == 0 and kids[-1] == 1, kids


def transaction(a, b):
    t = a.transaction()
    t.create("/tx", b"1")
    t.set_data("/tx", b"2")
    t.check("/tx", 1)
    t.create("/tx/kid")
    results = t.commit()
    assert results[0] == "/tx" and results[1].version == 1 and results[2] is True, results
    t = a.transaction()
    t.create("/tx/other")
    t.delete("/tx/none")
    t.create("/tx/third")
    results = t.commit()
    assert isinstance(results[0], RolledBackError) and isinstance(results[1], NoNodeError), results
    b.sync("/tx")
    assert b.get_children("/tx") == ["kid"]


def session(a, b):
    lost = client()
    lost.create("/session-node", ephemeral=True)
    gone = threading.Event()

    @a.DataWatch("/session-node")
    def look(data, stat):
        if stat is None:
            gone.set()
            return False

    lost.stop()
    await_event(gone, "a closed session's ephemeral node goes")


def main():
    a, b = client(), client()
    for part in (nodes, lock, election, queue, watches, transaction, session):
        part(a, b)
        print(part.__name__ + " ok", flush=True)
    assert a.state == KazooState.CONNECTED
    a.stop()
    b.stop()


main()
