package wire

import "testing"

// In an epoch zxids grow by one; a later epoch begins with 1, or where a standalone server has counted over
// the end of the counter.
func TestFollows(t *testing.T) {
	for _, test := range []struct {
		prev, next Zxid
		want       bool
	}{
		{0, 1, true}, {1, 2, true}, {1, 1, false}, {2, 1, false}, {1, 3, false},
		{0, 0x100000001, true}, {5, 0x100000001, true}, {5, 0x100000002, false}, {5, 0x100000000, false},
		{0x100000005, 0x300000001, true}, {0x300000001, 0x100000006, false},
		{0x1ffffffff, 0x200000000, true}, {0x1ffffffff, 0x200000001, true}, {0x1ffffffff, 0x200000002, false},
		{0x1fffffffe, 0x200000000, false}, {0x200000000, 0x200000001, true}, {0x1ffffffff, 0x300000000, false},
	} {
		if got := test.next.Follows(test.prev); got != test.want {
			t.Errorf("%s behind %s: %v", test.next, test.prev, got)
		}
	}
}
