package datatree

import "github.com/tidwall/btree"

// store holds every node twice, for two kinds of lookup:
//
//	byPath  hash map    path -> node                    the node at /a/b          every request, O(1)
//	order   B-tree      (parent, name) -> node          the nodes below /a        getChildren, snapshots
//
//	order:  ("", "")  ("", "a")  ("", "b")  ("/a", "x")  ("/a", "y")  ("/a/x", "1") ...
//	        the root   its children          children of /a            grandchildren
//
// Sorting by parent first keeps siblings together, so one range scan lists the children without grandchildren.
// A parent's path is a proper prefix of its children's, so every node comes after its parent, which is the order
// that a snapshot must have.
//
// The B-tree is copy-on-write: a copy is O(1), and afterwards each side copies the pages that it changes. Nodes
// themselves never change. So another goroutine may read a copy, as of one instant, while the original changes.
// (The hash map alone has no cheap copy, and the B-tree alone makes a lookup more than ten times slower.)
//
// Invariants: both hold the same nodes; every node but the root has its parent in the store; a node's children
// field counts its entries.
type store struct {
	byPath map[string]*znode
	order  *btree.BTreeG[*znode]
}

func newStore() store {
	return store{
		byPath: make(map[string]*znode),
		// NoLocks: the Tree's contract makes locks unnecessary.
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
	// The pivot sorts before every child: it has the same parent and an empty name.
	pivot := &znode{path: key + "/", cut: len(key)}
	order.Ascend(pivot, func(n *znode) bool {
		if n.parent() != key {
			return false
		}
		if !n.isRoot() { // the root's parent is the root
			f(n)
		}
		return true
	})
}
