package zab

import (
	"fmt"

	"zkctl/probe/wire"
)

// largeTxn is what a ZooKeeper server takes from another, unless its jute.maxbuffer is
// raised: longer buffers end the connection, and it says why in its own log alone.
const largeTxn = 0xfffff

// large is the largest transaction that a learner was sent and may not have read. Its
// leader sees no more than the end of the connection when the learner cannot take it, as
// often as it comes back.
type large struct {
	zxid wire.Zxid
	size int // 0: none is too large for the default
}

func (l *large) sent(p wire.Proposal) {
	if len(p.Data) > largeTxn && len(p.Data) >= l.size {
		*l = large{p.Zxid, len(p.Data)}
	}
}

// read notes that the learner has read everything up to a transaction.
func (l *large) read(z wire.Zxid) {
	if z >= l.zxid {
		*l = large{}
	}
}

// hint says what may have ended the connection of a learner.
func (l *large) hint() string {
	if l.size == 0 {
		return ""
	}
	return fmt.Sprintf("; it was sent transaction %v, of %d bytes, and has not acknowledged it: "+
		"if it does not come back, raise its jute.maxbuffer, which is %d by default", l.zxid, l.size, largeTxn)
}
