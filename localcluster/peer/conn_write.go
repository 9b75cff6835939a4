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

// packetCost is the memory that a packet in the queue is counted with, beside its data.
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

// packetQueue holds the packets that wait to be sent. put never waits. The limit does not
// pace the sender, which is up to the protocol; it ends the connection to a learner that
// has stopped reading while its socket stays open.
type packetQueue struct {
	limit int64
	size  atomic.Int64  // cost of what was put and is not written
	work  chan struct{} // cap 1: takeAll may find something

	mu     sync.Mutex
	queue  []outgoing
	closed bool
}

// put adds o. A closed queue drops it.
func (b *packetQueue) put(o outgoing) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	if size := b.size.Add(o.cost()); size > b.limit {
		return fmt.Errorf("%w: %d bytes wait to be sent, the limit is %d", ErrTooSlow, size, b.limit)
	}
	b.queue = append(b.queue, o)
	b.wake()
	return nil
}

func (b *packetQueue) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.wake()
}

func (b *packetQueue) wake() {
	select {
	case b.work <- struct{}{}:
	default:
	}
}

// takeAll returns all packets that wait; spare is a slice to reuse. closed means that
// nothing will follow.
func (b *packetQueue) takeAll(spare []outgoing) (batch []outgoing, closed bool) {
	clear(spare) // let go of the data
	b.mu.Lock()
	defer b.mu.Unlock()
	batch, b.queue = b.queue, spare[:0]
	return batch, b.closed
}

// writeAll sends the packets of the queue until that is closed and empty, and then closes
// the sending half. It flushes its buffer when the queue is empty: a single packet leaves
// at once, and under load many share one system call.
func (c *Conn) writeAll() error {
	w := bufio.NewWriterSize(c.conn, 64<<10)
	var enc wire.Encoder
	var batch []outgoing
	for {
		var closed bool
		batch, closed = c.out.takeAll(batch)
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
		if closed {
			return c.closeWrite()
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

// closeWrite closes the sending half, so that the other side reads to the end
// and closes too. If both halves were closed at once, the kernel would answer
// incoming bytes with a reset, which discards packets that the other side has not read.
func (c *Conn) closeWrite() error {
	if half, ok := c.conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return net.ErrClosed
}
