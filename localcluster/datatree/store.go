package datatree

import "github.com/tidwall/btree"

// store holds the nodes twice over, for two kinds of question:
//
//	byPath  hash map    path -> node                    "what is at /a/b?"        every request, O(1)
//	order   B-tree      (parent, name) -> node          "who is below /a?"        getChildren, snapshots
//
//	order:  ("", "")  ("", "a")  ("", "b")  ("/a", "x")  ("/a", "y")  ("/a/x", "1") ...
//	        the root   its children          children of /a            grandchildren
//
// Sorting by parent first keeps siblings together, so listing children is one range scan that meets no
// grandchild; and since a parent's path is a proper prefix of its children's, every node comes after its
// parent, which is the order a snapshot must have.
//
// The B-tree is copy-on-write: copy is O(1), and afterwards each side copies the pages that it changes. Nodes
// themselves never change. So a copy is a consistent picture of one instant that may be read on another
// goroutine while the original moves on, and it costs nothing until it does. (The hash map alone could not
// do that, and the B-tree alone makes a lookup more than ten times slower.)
//
// Invariants: both hold the same nodes; every node but the root has its parent in the store; children of a
// node counts its entries.
type store struct {
	byPath map[string]*znode
	order  *btree.BTreeG[*znode]
}

func newStore() store {
	return store{
		byPath: make(map[string]*znode),
		// NoLocks: who may call when is the Tree's contract, not the B-tree's business.
		order: btree.NewBTreeGOptions(siblingOrder, btree.Options{NoLocks: true}),
	}
}

func siblingOrder(a, b *znode) bool {
	if pa, pb := a.parent(), b.parent(); pa != pb {
		return pa < pb
	}
	return a.name() < b.name()
}

// get returns the node at a key, or nil.
func (s *store) get(key string) *znode { return s.byPath[key] }

// put adds n or replaces the node of that path.
func (s *store) put(n *znode) {
	s.byPath[n.path] = n
	s.order.Set(n)
}

func (s *store) remove(n *znode) {
	delete(s.byPath, n.path)
	s.order.Delete(n)
}

func (s *store) len() int { return len(s.byPath) }

// eachChild calls f with the children of the node at key, by name. f must not change the store.
func (s *store) eachChild(key string, f func(*znode)) {
	scanChildren(s.order, key, f)
}

func scanChildren(order *btree.BTreeG[*znode], key string, f func(*znode)) {
	// Sorts before every child: same parent, empty name.
	pivot := &znode{path: key + "/", cut: len(key)}
	order.Ascend(pivot, func(n *znode) bool {
		if n.parent() != key {
			return false
		}
		if !n.isRoot() { // the root is filed as a child of itself
			f(n)
		}
		return true
	})
}
