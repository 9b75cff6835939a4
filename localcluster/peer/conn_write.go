package peer

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"

	"zkctl/probe/wire"
)

// snapshotSignature is the text that ends a snapshot on the wire
// (ZooKeeper's LearnerHandler and Learner.syncWithLeader).
const snapshotSignature = "BenWasHere"

// packetCost is what a packet in the queue is taken to cost beside its data.
const packetCost = 96

// BodyWriter writes the tree that follows a SNAP packet.
type BodyWriter func(io.Writer) error

// outgoing is something to send: a packet, or a SNAP packet with its tree.
type outgoing struct {
	packet wire.QuorumPacket
	body   BodyWriter // nil for packets
}

func (o *outgoing) cost() int64 {
	n := packetCost + len(o.packet.Data)
	for _, id := range o.packet.AuthInfo {
		n += len(id.Scheme) + len(id.ID)
	}
	return int64(n)
}

// outbox is what waits to be sent. Putting never waits; the limit is not there
// for pacing, which is the protocol's matter, but to give up on a learner that
// has stopped reading while its socket stays open.
type outbox struct {
	limit int64
	size  atomic.Int64  // cost of what was put and is not written
	work  chan struct{} // cap 1: there may be something to take

	mu    sync.Mutex
	queue []outgoing
	over  bool // nothing is accepted any more
}

// put adds o. A shut outbox swallows it.
func (b *outbox) put(o outgoing) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return nil
	}
	if size := b.size.Add(o.cost()); size > b.limit {
		return fmt.Errorf("%w: %d bytes wait to be sent, the limit is %d", ErrTooSlow, size, b.limit)
	}
	b.queue = append(b.queue, o)
	b.poke()
	return nil
}

func (b *outbox) shut() {
	b.mu.Lock()
	b.over = true
	b.mu.Unlock()
	b.poke()
}

func (b *outbox) poke() {
	select {
	case b.work <- struct{}{}:
	default:
	}
}

// take returns all that waits, and gives spare back to be filled. over says
// that nothing will follow.
func (b *outbox) take(spare []outgoing) (batch []outgoing, over bool) {
	clear(spare) // let go of the data
	b.mu.Lock()
	defer b.mu.Unlock()
	batch, b.queue = b.queue, spare[:0]
	return batch, b.over
}

// writeAll sends what is put into the outbox until that is shut and empty, and
// then says so to the other side. Packets are gathered and flushed when nothing
// waits: a lone packet leaves at once, and under load many share one system
// call.
func (c *Conn) writeAll() error {
	w := bufio.NewWriterSize(c.conn, 64<<10)
	var enc wire.Encoder
	var batch []outgoing
	for {
		var over bool
		batch, over = c.out.take(batch)
		for i := range batch {
			if err := c.writeOne(w, &enc, &batch[i]); err != nil {
				return err
			}
		}
		if len(batch) > 0 {
			continue
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if over {
			return c.sayGoodbye()
		}
		select {
		case <-c.out.work:
		case <-c.broken:
			return net.ErrClosed
		}
	}
}

func (c *Conn) writeOne(w *bufio.Writer, enc *wire.Encoder, o *outgoing) error {
	enc.Reset()
	o.packet.Encode(enc)
	if _, err := w.Write(enc.Bytes()); err != nil {
		return err
	}
	if o.body != nil {
		if err := o.body(w); err != nil {
			return fmt.Errorf("stream a snapshot: %w", err)
		}
		enc.Reset()
		enc.Text(snapshotSignature)
		if _, err := w.Write(enc.Bytes()); err != nil {
			return err
		}
	}
	c.out.size.Add(-o.cost())
	return nil
}

// sayGoodbye closes the sending half, so that the other side reads to the end
// and closes too. Closing both halves at once would make the kernel answer
// whatever still comes in with a reset, which takes unread packets with it.
func (c *Conn) sayGoodbye() error {
	if half, ok := c.conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return net.ErrClosed
}
