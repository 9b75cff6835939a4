package link

import (
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// expect waits until everything is at rest and compares what has arrived.
func expect(t *testing.T, c *memConn, want string) {
	t.Helper()
	synctest.Wait()
	if got := c.take(); got != want {
		t.Errorf("arrived: %.40q (%d bytes), want %.40q (%d bytes)", got, len(got), want, len(want))
	}
}

func expectFate(t *testing.T, c *memConn, want end) {
	t.Helper()
	synctest.Wait()
	if got := c.fate(); got != want {
		t.Errorf("the stream is %v, want %v", got, want)
	}
}

func TestForwardsBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		defer closed(t, r)
		near, far := r.connect()
		say(t, near, "ping")
		expect(t, far, "ping")
		say(t, far, "pong")
		expect(t, near, "pong")
	})
}

// A cut holds bytes of one direction and leaves the other alone.
func TestCutOneDirection(t *testing.T) {
	for _, forward := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, Options{})
			defer closed(t, r)
			a, b := r.connect()
			d := r.Forward()
			if !forward {
				a, b, d = b, a, r.Backward()
			}
			say(t, a, "before ")
			expect(t, b, "before ")

			d.Cut()
			say(t, a, "held, ")
			say(t, a, "and in order")
			expect(t, b, "")
			say(t, b, "the other way")
			expect(t, a, "the other way")
			expectFate(t, b, open)

			d.Heal()
			expect(t, b, "held, and in order")
			say(t, a, " after")
			expect(t, b, " after")
		})
	}
}

// What becomes of a connection during a cut reaches the other side at the
// heal, behind the bytes held.
func TestEndsDuringCut(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(*memConn)
		want end
	}{
		{"half-close", func(c *memConn) { _ = c.CloseWrite() }, fin},
		{"close", func(c *memConn) { _ = c.Close() }, fin},
		{"reset", (*memConn).kill, rst},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, Options{})
				defer closed(t, r)
				near, far := r.connect()
				r.Forward().Cut()
				r.Backward().Cut()
				say(t, near, "last words")
				test.end(near)
				expect(t, far, "")
				expectFate(t, far, open)
				r.Forward().Heal()
				r.Backward().Heal()
				expect(t, far, "last words")
				expectFate(t, far, test.want)
			})
		})
	}
}

func TestEndsPassPromptly(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(*memConn)
		want end
	}{
		{"close", func(c *memConn) { _ = c.Close() }, fin},
		{"reset", (*memConn).kill, rst},
	} {
		for _, byTarget := range []bool{false, true} {
			t.Run(test.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t, Options{})
					defer closed(t, r)
					a, b := r.connect()
					if byTarget {
						a, b = b, a
					}
					test.end(a)
					expectFate(t, b, test.want)
				})
			})
		}
	}
}

// After a half-close the other direction goes on.
func TestHalfClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		defer closed(t, r)
		near, far := r.connect()
		say(t, near, "question")
		_ = near.CloseWrite()
		expect(t, far, "question")
		expectFate(t, far, fin)
		say(t, far, "answer")
		expect(t, near, "answer")
		expectFate(t, near, open)
		_ = far.CloseWrite()
		expectFate(t, near, fin)
		expectNoConns(t, r)
	})
}

// expectNoConns says whether the link has forgotten all connections, as it
// does when their goroutines have returned.
func expectNoConns(t *testing.T, r *rig) {
	t.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.conns) != 0 {
		t.Errorf("%d connections are left", len(r.conns))
	}
}

// A receiver that is gone answers with a reset, which the sender sees, unless
// the way back is cut: then it sees nothing until the heal.
func TestWritingToTheDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		defer closed(t, r)
		near, far := r.connect()
		r.Backward().Cut()
		far.kill()
		say(t, near, "are you there?")
		say(t, near, "hello?")
		expectFate(t, near, open)
		r.Backward().Heal()
		expectFate(t, near, rst)
		expectNoConns(t, r)
	})
	// The dialler half-closes; the target takes it for a close, and closes. A
	// dialler that goes on reading sees that; see also TestHalfClose.
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		defer closed(t, r)
		near, far := r.connect()
		_ = near.CloseWrite()
		expectFate(t, far, fin)
		_ = near.Close()
		say(t, far, "too late")
		expectFate(t, far, rst)
		expectNoConns(t, r)
	})
}

func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		defer closed(t, r)
		r.down = true
		near := r.listener.dial()
		expectFate(t, near, rst)
		expectNoConns(t, r)
		// Later dials are not affected.
		r.down = false
		near, far := r.connect()
		say(t, near, "hello")
		expect(t, far, "hello")
	})
}

// A dial during a cut, of either direction, neither fails nor reaches the
// target before the heal.
func TestDialDuringCut(t *testing.T) {
	for _, direction := range []func(*Link) *Direction{(*Link).Forward, (*Link).Backward} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, Options{})
			defer closed(t, r)
			r.down = true // cut: even a refusal does not come through
			direction(r.Link).Cut()
			near := r.listener.dial()
			say(t, near, "hello")
			expectFate(t, near, open)
			r.down = false
			synctest.Wait()
			if len(r.target) != 0 {
				t.Error("the target was dialled across a cut")
			}
			direction(r.Link).Heal()
			far := <-r.target
			expect(t, far, "hello")
			say(t, far, "welcome")
			expect(t, near, "welcome")
		})
	}
}

// Of the dials given up during a cut the newest is made at the heal, those
// still waiting are all made.
func TestDialsGivenUpDuringCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		defer closed(t, r)
		r.Backward().Cut()
		waiting := r.listener.dial()
		say(t, waiting, "waiting")
		for _, text := range []string{"first", "second", "third"} {
			near := r.listener.dial()
			say(t, near, text)
			_ = near.Close()
			synctest.Wait()
		}
		r.Backward().Heal()
		synctest.Wait()
		var got []string
		for len(r.target) > 0 {
			far := <-r.target
			got = append(got, far.take())
		}
		if all := strings.Join(got, " "); all != "waiting third" && all != "third waiting" {
			t.Errorf("dialled at the heal: %q, want waiting and third", got)
		}
	})
}

// A sender whose receiver is cut off blocks in the end, and loses nothing.
func TestBackpressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		defer closed(t, r)
		near, far := r.connect()
		r.Forward().Cut()
		sent := strings.Repeat("0123456789abcdef", maxHeld/8)
		done := make(chan struct{})
		go func() {
			defer close(done)
			say(t, near, sent)
		}()
		synctest.Wait()
		select {
		case <-done:
			t.Errorf("%d bytes were taken in during the cut, want a limit of about %d", len(sent), maxHeld)
		default:
		}
		r.Forward().Heal()
		var got strings.Builder
		for got.Len() < len(sent) {
			synctest.Wait()
			got.WriteString(far.take())
		}
		<-done
		if got.String() != sent {
			t.Error("the bytes are not those that were sent")
		}
	})
}

// When Cut returns no byte arrives any more, even when a write was under way
// and blocked.
func TestCutInterruptsWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		defer closed(t, r)
		near, far := r.connect()
		sent := strings.Repeat("x", memBuffer+maxChunk) + "end"
		say(t, near, sent)
		synctest.Wait() // far does not read: the link's write blocks
		r.Forward().Cut()
		got := far.take()
		if len(got) != memBuffer {
			t.Fatalf("%d bytes had arrived, want %d: nothing was blocked", len(got), memBuffer)
		}
		expect(t, far, "") // there is room again, and nothing comes
		r.Forward().Heal()
		synctest.Wait()
		got += far.take()
		if got != sent {
			t.Errorf("%d bytes arrived, want the %d sent", len(got), len(sent))
		}
	})
}

func TestCloseEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{})
		near, far := r.connect()
		r.Forward().Slow(Shape{Latency: time.Hour})
		say(t, near, "under way")
		r.Backward().Cut()
		held := r.listener.dial()
		synctest.Wait()
		closed(t, r)
		// synctest fails the test if a goroutine is left.
		for _, c := range []*memConn{near, far, held} {
			if c.fate() == open {
				t.Error("a connection is still open")
			}
		}
		closed(t, r)
	})
}

// A stream arrives whole and in order, at whatever times lanes are cut and healed.
func TestStreamsSurviveFaults(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			r := newRig(t, Options{})
			defer closed(t, r)
			near, far := r.connect()
			var sent, got strings.Builder
			for i := range 200 {
				switch rng.IntN(6) {
				case 0:
					r.Forward().Cut()
				case 1:
					r.Forward().Heal()
				case 2:
					latency := time.Duration(rng.IntN(50)) * time.Millisecond
					r.Forward().Slow(Shape{Latency: latency, Jitter: latency / 2, Rate: int64(rng.IntN(2)) * 100_000})
				case 3:
					<-time.After(time.Duration(rng.IntN(100)) * time.Millisecond) // of virtual time
				default:
					text := strings.Repeat(string(rune('a'+i%26)), 1+rng.IntN(2000))
					sent.WriteString(text)
					say(t, near, text)
				}
				got.WriteString(far.take())
				if !strings.HasPrefix(sent.String(), got.String()) {
					t.Fatalf("seed %d: what arrived is not how the stream began", seed)
				}
			}
			_ = near.CloseWrite()
			r.Forward().Heal()
			synctest.Wait()
			got.WriteString(far.take())
			if got.String() != sent.String() || far.fate() != fin {
				t.Errorf("seed %d: %d bytes arrived of %d sent, then %v", seed, got.Len(), sent.Len(), far.fate())
			}
		})
	}
}

// An election hello that comes in pieces leaves in a single write, and the
// rest of the stream as it came.
func TestHelloInOneWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Options{CallBack: callBack})
		defer closed(t, r)
		r.Forward().Slow(Shape{Rate: 100, Latency: time.Millisecond})
		near, far := r.connect()
		hello := electionHello(helloV1, 3, "127.0.0.1:3888")
		say(t, near, string(hello[:5]))
		expect(t, far, "")
		say(t, near, string(hello[5:21]))
		expect(t, far, "")
		say(t, near, string(hello[21:]))
		synctest.Wait()
		r.Forward().Heal()
		want := electionHello(helloV1, 3, callBack)
		expect(t, far, string(want))
		if writes := far.in.writes; len(writes) != 1 || writes[0] != len(want) {
			t.Errorf("written in pieces of %v, want one of %d", writes, len(want))
		}
		say(t, near, string(hello))
		expect(t, far, string(hello))
		say(t, far, string(hello))
		expect(t, near, string(hello))
	})
}
