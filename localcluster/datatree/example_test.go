package datatree_test

import (
	"bytes"
	"fmt"

	"zkctl/localcluster/datatree"
	"zkctl/probe/wire"
)

// A request is conditional, a transaction is not. The leader prepares a conditional write before the write ahead of
// it is applied, against the state that will follow that write, and replicates the outcome.
func Example() {
	leader, follower := datatree.New(), datatree.New()
	preparer := datatree.NewPreparer(leader, datatree.PreparerOptions{})

	requests := []datatree.Request{
		{Op: wire.OpCreate, Body: wire.Marshal(&wire.CreateRequest{Path: "/lock-", ACL: wire.OpenACL(), Flags: wire.FlagPersistentSequential})},
		{Op: wire.OpSetData, Body: wire.Marshal(&wire.SetDataRequest{Path: "/lock-0000000000", Data: []byte("mine"), Version: 0})},
		{Op: wire.OpSetData, Body: wire.Marshal(&wire.SetDataRequest{Path: "/lock-0000000000", Data: []byte("late"), Version: 0})},
	}
	var proposals [][]byte // what Zab carries
	for i, q := range requests {
		zxid := wire.MakeZxid(1, uint32(i+1))
		txn := preparer.Prepare(q, zxid, 1700000000000)
		fmt.Printf("%s %s %+v\n", zxid, txn.Header.Type, txn.Body)
		proposals = append(proposals, txn.Marshal())
	}

	for _, p := range proposals { // committed
		for _, tree := range []*datatree.Tree{leader, follower} {
			txn, err := wire.UnmarshalTxn(p)
			if err != nil {
				panic(err)
			}
			if _, err := tree.Apply(txn); err != nil {
				panic(err) // a server must stop here
			}
		}
		preparer.Applied(leader.LastZxid())
	}
	data, _ := follower.Data("/lock-0000000000")
	fmt.Printf("%q, equal trees: %v\n", data, leader.Digest() == follower.Digest())
	// Output:
	// 0x100000001 create &{Path:/lock-0000000000 Data:[] ACL:[{Perms:cdrwa ID:{Scheme:world ID:anyone}}] Ephemeral:false ParentCVersion:1}
	// 0x100000002 setData &{Path:/lock-0000000000 Data:[109 105 110 101] Version:1}
	// 0x100000003 error &{Err:bad version (-103)}
	// "mine", equal trees: true
}

// A snapshot stays as it is while the tree goes on.
func ExampleTree_Snapshot() {
	tree := datatree.New()
	create := func(zxid wire.Zxid, path string) {
		_, err := tree.Apply(&wire.Txn{
			Header: wire.TxnHeader{Zxid: zxid, Type: wire.OpCreate},
			Body:   &wire.CreateTxn{Path: path, ParentCVersion: int32(zxid)},
		})
		if err != nil {
			panic(err)
		}
	}
	create(1, "/before")
	snapshot := tree.Snapshot()
	create(2, "/after")

	var file bytes.Buffer
	if err := snapshot.Encode(&file); err != nil { // on any goroutine
		panic(err)
	}
	restored, err := datatree.Decode(wire.NewStreamDecoder(&file, 1<<20))
	if err != nil {
		panic(err)
	}
	restored.SetLastZxid(snapshot.Zxid())
	fmt.Println(tree.LastZxid(), tree.Children("/"))
	fmt.Println(restored.LastZxid(), restored.Children("/"))
	// Output:
	// 0x2 [after before zookeeper]
	// 0x1 [before zookeeper]
}

// A delete notifies the watchers of the node and those of its parent's children.
func ExampleWatches_Trigger() {
	watches := datatree.NewWatches()
	watches.Data("/app/worker", 1)
	watches.Child("/app", 2)
	change := datatree.Change{Type: wire.EventDeleted, Path: "/app/worker", Zxid: 7}
	for range 2 {
		for _, n := range watches.Trigger(change) {
			fmt.Println(n.Watcher, n.Event.Type, n.Event.Path)
		}
	}
	// Output:
	// 1 deleted /app/worker
	// 2 children-changed /app
}
