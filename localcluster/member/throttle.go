package member

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// throttle bounds the rate of a log. Any client can open connections and send nonsense on
// them. Each is worth a line while they are few, but a line for every one of many would
// hide the important lines and fill the disk that holds the transactions.
//
// Each message has its own allowance, so that messages which strangers cause cannot
// suppress others: throttleBurst lines at once, and throttleRate a second in the long run.
// The last line of an allowance says so, and the next one that is written says how many
// were left out.
type throttle struct {
	slog.Handler
	shared *allowances
}

const (
	throttleBurst = 50
	throttleRate  = 5 // a second
)

// allowances are what is left for each message. Messages are the constant texts
// of this program, so the map stays small.
type allowances struct {
	mu sync.Mutex
	of map[string]*allowance
}

type allowance struct {
	lines   float64 // 0 <= lines <= throttleBurst
	at      time.Time
	leftOut int
}

// Throttled bounds the rate of a log, message by message.
func Throttled(h slog.Handler) slog.Handler {
	return &throttle{h, &allowances{of: map[string]*allowance{}}}
}

// Handle implements slog.Handler.
func (t *throttle) Handle(ctx context.Context, r slog.Record) error {
	leftOut, last, ok := t.shared.spend(r.Message, r.Time)
	if !ok {
		return nil
	}
	r = r.Clone()
	if leftOut > 0 {
		r.AddAttrs(slog.Int("left_out", leftOut))
	}
	if last {
		r.AddAttrs(slog.String("note", "too many of these: leaving some out"))
	}
	return t.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (t *throttle) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &throttle{t.Handler.WithAttrs(attrs), t.shared}
}

// WithGroup implements slog.Handler.
func (t *throttle) WithGroup(name string) slog.Handler {
	return &throttle{t.Handler.WithGroup(name), t.shared}
}

// spend takes a line from a message's allowance. It returns how many were left out before
// it, and whether it is the last for now; ok is false if none is left.
func (a *allowances) spend(message string, now time.Time) (leftOut int, last, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	x := a.of[message]
	if x == nil {
		x = &allowance{lines: throttleBurst, at: now}
		a.of[message] = x
	}
	if passed := now.Sub(x.at); passed > 0 {
		x.lines = min(throttleBurst, x.lines+passed.Seconds()*throttleRate)
	}
	x.at = now
	if x.lines < 1 {
		x.leftOut++
		return 0, false, false
	}
	x.lines--
	leftOut, x.leftOut = x.leftOut, 0
	return leftOut, x.lines < 1, true
}
