"""What kazoo's users do, against the ensemble in ZK_HOSTS. Exits 1 with the first thing that is wrong."""
import os
import threading

from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError, NodeExistsError, NoNodeError, NotEmptyError, RolledBackError
from kazoo.protocol.states import EventType

PATIENCE = 60  # seconds; for what never happens


def connect():
    client = KazooClient(hosts=os.environ["ZK_HOSTS"], timeout=10)
    client.start(timeout=PATIENCE)
    return client


def expect(error, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except error:
        return
    raise AssertionError("%s%r did not raise %s" % (call.__name__, args, error.__name__))


def nodes(a, b):
    a.ensure_path("/k/deep/er")
    assert a.create("/k/n", b"one") == "/k/n"
    expect(NodeExistsError, a.create, "/k/n", b"again")
    expect(NoNodeError, a.create, "/k/no/parent")
    expect(NotEmptyError, a.delete, "/k")
    b.sync("/k")
    data, stat = b.get("/k/n")
    assert data == b"one" and stat.version == 0, (data, stat)
    assert b.set("/k/n", b"two", version=0).version == 1
    expect(BadVersionError, a.set, "/k/n", b"three", 0)
    a.sync("/k")
    assert sorted(a.get_children("/k")) == ["deep", "n"]
    assert a.exists("/k/none") is None
    first = a.create("/k/s-", b"", sequence=True)
    second = b.create("/k/s-", b"", sequence=True, ephemeral=True)
    assert first == "/k/s-0000000002" and second == "/k/s-0000000003", (first, second)


def transactions(a):
    t = a.transaction()
    t.check("/k/n", version=1)
    t.create("/k/t1", b"x")
    t.set_data("/k/n", b"four")
    t.delete("/k/deep/er")
    results = t.commit()
    assert results[0] is True and results[1] == "/k/t1" and results[2].version == 2 and results[3] is True, results
    t = a.transaction()
    t.create("/k/t2", b"x")
    t.check("/k/n", version=77)
    results = t.commit()
    assert isinstance(results[0], RolledBackError) and isinstance(results[1], BadVersionError), results
    assert a.exists("/k/t2") is None


def watches(a, b):
    seen, event = [], threading.Event()

    def watcher(e):
        seen.append((e.type, e.path))
        event.set()

    def expect_event(kind, path):
        assert event.wait(PATIENCE), "no %s for %s" % (kind, path)
        assert seen == [(kind, path)], seen
        seen.clear()
        event.clear()

    assert b.exists("/k/w", watch=watcher) is None
    a.create("/k/w", b"")
    expect_event(EventType.CREATED, "/k/w")
    b.get("/k/w", watch=watcher)
    a.set("/k/w", b"x")
    expect_event(EventType.CHANGED, "/k/w")
    b.get_children("/k/w", watch=watcher)
    a.create("/k/w/child", b"")
    expect_event(EventType.CHILD, "/k/w")
    b.get("/k/w/child", watch=watcher)
    a.delete("/k/w/child")
    expect_event(EventType.DELETED, "/k/w/child")


def ephemerals(b):
    c = connect()
    c.create("/k/eph", b"", ephemeral=True)
    gone = threading.Event()
    b.sync("/k")
    assert b.exists("/k/eph", watch=lambda e: gone.set()).owner_session_id == c.client_id[0]
    c.stop()
    assert gone.wait(PATIENCE), "the ephemeral node outlived its session"
    c.close()


def recipes(a, b):
    lock_a, lock_b = a.Lock("/k/lock", "a"), b.Lock("/k/lock", "b")
    assert lock_a.acquire(timeout=PATIENCE)
    assert not lock_b.acquire(blocking=False)
    got = threading.Event()
    waiter = threading.Thread(target=lambda: lock_b.acquire(timeout=PATIENCE) and got.set())
    waiter.start()
    lock_a.release()
    assert got.wait(PATIENCE), "the lock was not passed on"
    waiter.join()
    lock_b.release()

    led, order = threading.Event(), []
    election = a.Election("/k/election", "a")
    leader = threading.Thread(target=lambda: election.run(lambda: (order.append("a"), led.set())))
    leader.start()
    assert led.wait(PATIENCE), "nobody was elected"
    leader.join()

    queue = a.Queue("/k/queue")
    for word in (b"1", b"2", b"3"):
        queue.put(word)
    other = b.Queue("/k/queue")
    b.sync("/k/queue")
    assert [other.get(), other.get(), other.get(), other.get()] == [b"1", b"2", b"3", None]

    counter = a.Counter("/k/counter")
    counter += 5
    b.sync("/k/counter")
    assert b.Counter("/k/counter").value == 5


def main():
    a, b = connect(), connect()
    nodes(a, b)
    transactions(a)
    watches(a, b)
    ephemerals(b)
    recipes(a, b)
    a.delete("/k", recursive=True)
    for client in (a, b):
        client.stop()
        client.close()
    print("kazoo is content")


main()
