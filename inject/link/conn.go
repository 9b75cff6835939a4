package link

import (
	"context"
	"net"
	"sync"
)

// conn is one connection through a link.
//
//	accepted --> handshaking --> held --> dialling --> flowing --> closed
//	             (latency)   (while a lane   |                       ^
//	                            is cut)      |                       |
//	                              |          +-- refused: reset -----+
//	                              +-- given up, and not the newest --+
//
// near is the dialler's side, far the target's.
type conn struct {
	link      *Link
	near, far net.Conn
	forward   *pump
	backward  *pump

	// ctx ends when the connection is over.
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.Mutex
	closed bool
	fins   int  // directions that ended in order; 2 and the connection is over
	ended  bool // near has ended, perhaps before far was dialled
	held   bool // waiting for a heal before dialling
}

func newConn(l *Link, near net.Conn) *conn {
	c := &conn{link: l, near: near}
	c.ctx, c.cancel = context.WithCancel(l.ctx)
	c.forward = newPump(l.forward, c.ctx.Done())
	c.backward = newPump(l.backward, c.ctx.Done())
	return c
}

// run carries the connection until it is over.
func (c *conn) run() {
	var wg sync.WaitGroup
	defer wg.Wait()
	defer c.close()
	// Reading starts before the target is dialled: what the dialler sends while
	// it is held must arrive after the heal, and the link must see it give up.
	wg.Go(func() {
		c.forward.fill(c.near, c.link.helloFilter())
		c.noteEnd()
	})
	if !c.establish() {
		return
	}
	wg.Go(func() { c.backward.fill(c.far, nil) })
	wg.Go(func() { c.drain(c.backward, c.forward) })
	c.drain(c.forward, c.backward)
	<-c.ctx.Done()
}

// drain runs p and acts on its end. other is the pump of the opposite
// direction of the same connection.
func (c *conn) drain(p, other *pump) {
	if p.drain(c.noteFin) == rst {
		// Both sides are gone: the one that was reset, and the one that
		// caused the reset.
		c.close()
		return
	}
	// The receiver is gone: its kernel answers our bytes with a reset. The reset
	// travels in the other direction, with that direction's delay, and is held
	// while that direction is cut.
	other.push(nil, rst)
}

func (c *conn) noteFin() {
	c.mu.Lock()
	c.fins++
	over := c.fins == 2
	c.mu.Unlock()
	if over {
		c.close()
	}
}

// establish connects to the target, while the dialler takes itself for
// connected. It is false when the connection is over instead.
func (c *conn) establish() bool {
	if !c.handshake() || !c.awaitLanes() {
		return false
	}
	far, err := c.link.dial(c.ctx)
	if err != nil {
		// No process listens there. The dialler is connected to the link
		// already, so a reset takes the place of the refusal.
		reset(c.near)
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = far.Close()
		return false
	}
	c.far = far
	c.forward.start(far)
	c.backward.start(c.near)
	return true
}

// handshake waits as long as the round trip of a TCP handshake would take.
func (c *conn) handshake() bool {
	delay := c.link.forward.handshake() + c.link.backward.handshake()
	if delay == 0 {
		return true
	}
	select {
	case <-c.link.clock.After(delay):
		return true
	case <-c.ctx.Done():
		return false
	}
}

// awaitLanes waits until neither direction is cut: a handshake needs both.
func (c *conn) awaitLanes() bool {
	defer func() {
		c.setHeld(false)
		c.link.noteReleased(c)
	}()
	for {
		forward, changed1 := c.link.forward.observe()
		backward, changed2 := c.link.backward.observe()
		if !forward.Cut && !backward.Cut {
			return true
		}
		c.setHeld(true)
		select {
		case <-changed1:
		case <-changed2:
		case <-c.ctx.Done():
			return false
		}
	}
}

// setHeld and noteEnd may come in either order. The later one reports to the
// link a dial that was given up while it was held.
func (c *conn) setHeld(held bool) {
	c.mu.Lock()
	c.held = held
	c.mu.Unlock()
	c.checkGivenUp()
}

func (c *conn) noteEnd() {
	c.mu.Lock()
	c.ended = true
	c.mu.Unlock()
	c.checkGivenUp()
}

func (c *conn) checkGivenUp() {
	c.mu.Lock()
	givenUp := c.held && c.ended
	c.mu.Unlock()
	if givenUp {
		c.link.noteGivenUp(c)
	}
}

// reset breaks a connection that has both its ends; false: it has not.
func (c *conn) reset() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.far == nil {
		return false
	}
	c.closed = true
	c.cancel()
	reset(c.near)
	reset(c.far)
	return true
}

// close ends the connection; run's goroutines then return by themselves.
func (c *conn) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	c.cancel()
	_ = c.near.Close()
	if c.far != nil {
		_ = c.far.Close()
	}
}
