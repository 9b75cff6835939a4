package link

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Direction is the state of one lane. The pumps of every connection that
// carries the lane's bytes ask it when bytes may arrive (schedule) and whether
// they may write now (enter), and wait for changes on the channel that enter
// and observe return.
type Direction struct {
	clock Clock

	mu        sync.Mutex
	condition Condition
	rng       *rand.Rand
	// busy is the moment at which the last byte scheduled has passed the rate
	// limit; the next one queues up behind it.
	busy time.Time
	// shaped counts changes of shape. A pump compares it to find out that what
	// it scheduled is out of date.
	shaped uint64
	// changed is closed and replaced whenever the condition changes.
	changed chan struct{}
	// writing holds the pumps that are inside a Write right now.
	writing map[*pump]struct{}
	// left is signalled whenever writing shrinks or the condition changes.
	left *sync.Cond
}

// newDirection returns a healthy lane. The seed decides the jitter.
func newDirection(clock Clock, seed1, seed2 uint64) *Direction {
	d := &Direction{
		clock:   clock,
		rng:     rand.New(rand.NewPCG(seed1, seed2)),
		changed: make(chan struct{}),
		writing: make(map[*pump]struct{}),
	}
	d.left = sync.NewCond(&d.mu)
	return d
}

// Cut silences the lane. When it returns no write is under way any more.
func (d *Direction) Cut() {
	d.update(func(c *Condition) { c.Cut = true })
}

// Heal ends a cut and any slowness.
func (d *Direction) Heal() {
	d.Set(Condition{})
}

// Slow gives the lane a shape; the zero Shape is full speed. A cut stays a cut.
func (d *Direction) Slow(shape Shape) {
	d.update(func(c *Condition) { c.Shape = shape })
}

// Set replaces the whole condition. Like Cut, it returns only when a lane
// that it cut is silent.
func (d *Direction) Set(condition Condition) {
	d.update(func(c *Condition) { *c = condition })
}

// Condition returns what is wrong with the lane.
func (d *Direction) Condition() Condition {
	condition, _ := d.observe()
	return condition
}

// observe returns the condition and a channel that is closed when it changes.
func (d *Direction) observe() (Condition, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.condition, d.changed
}

func (d *Direction) update(change func(*Condition)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.condition
	change(&d.condition)
	if d.condition == before {
		return
	}
	if d.condition.Shape != before.Shape {
		d.shaped++
		d.busy = time.Time{}
	}
	close(d.changed)
	d.changed = make(chan struct{})
	d.left.Broadcast()
	if !d.condition.Cut {
		return
	}
	// A write is blocked as long as its receiver does not read, for instance a
	// paused process, so it is interrupted. What it did not write stays at the
	// head of the pump's queue.
	for p := range d.writing {
		p.interrupt()
	}
	for d.condition.Cut && len(d.writing) > 0 {
		d.left.Wait()
	}
}

// enter asks for permission to write. When the lane is cut it is refused, and
// the channel says when to ask again. Every successful enter needs a leave.
func (d *Direction) enter(p *pump) (bool, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.condition.Cut {
		return false, d.changed
	}
	p.clearInterrupt()
	d.writing[p] = struct{}{}
	return true, nil
}

func (d *Direction) leave(p *pump) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.writing, p)
	d.left.Broadcast()
}

// schedule says when n bytes that are sent just now arrive. The zero time
// means at once.
//
//	sent --[ wait for the rate limit ]--[ n/rate ]--[ latency ± jitter ]--> due
func (d *Direction) schedule(n int) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	shape := d.condition.Shape
	if shape == (Shape{}) {
		return time.Time{}
	}
	due := d.clock.Now()
	if shape.Rate > 0 {
		if d.busy.After(due) {
			due = d.busy
		}
		due = due.Add(time.Duration(float64(n) / float64(shape.Rate) * float64(time.Second)))
		d.busy = due
	}
	return due.Add(d.delay(shape))
}

// shapes counts the changes of shape so far.
func (d *Direction) shapes() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.shaped
}

// handshake is the time a TCP handshake needs in this direction.
func (d *Direction) handshake() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.delay(d.condition.Shape)
}

// delay draws one latency. The caller holds mu.
func (d *Direction) delay(shape Shape) time.Duration {
	delay := shape.Latency
	if shape.Jitter > 0 {
		delay += time.Duration(d.rng.Int64N(2*int64(shape.Jitter)+1)) - shape.Jitter
	}
	return max(delay, 0)
}

// chunk is how much a pump should read at once: as much as it can at full
// speed, but only what passes in some 10 ms under a rate limit. Otherwise a slow
// lane would stand still for seconds and then deliver much at once.
func (d *Direction) chunk() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.condition.Shape.Rate == 0 {
		return maxChunk
	}
	return int(min(max(d.condition.Shape.Rate/100, minChunk), maxChunk))
}
