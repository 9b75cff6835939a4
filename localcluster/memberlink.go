//go:build unix

package localcluster

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	embedded "zkctl/localcluster/member"
)

// memberLink is the supervisor's end of the control connection to one process of an embedded member. See package
// member for what goes over it. Apache's members have none: what they do is found by asking.
type memberLink struct {
	conn net.Conn
	done chan struct{} // closed when the member's end is closed and all it has reported is recorded

	mu      sync.Mutex
	issued  int64                // ids of orders so far
	waiting map[int64]chan error // for the answers to orders
	over    bool
}

// newMemberLink makes a connection. The caller gives the file to the member's process, and closes it.
func newMemberLink() (*memberLink, *os.File, error) {
	syscall.ForkLock.RLock() // no process that is started meanwhile may inherit the ends
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(ends[0])
		unix.CloseOnExec(ends[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, fmt.Errorf("control connection: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(ends[0]), "control"), os.NewFile(uintptr(ends[1]), "control")
	conn, err := net.FileConn(ours)
	_ = ours.Close() // conn has a descriptor of its own
	if err != nil {
		_ = theirs.Close()
		return nil, nil, fmt.Errorf("control connection: %w", err)
	}
	return &memberLink{conn: conn, done: make(chan struct{}), waiting: map[int64]chan error{}}, theirs, nil
}

// read passes on what the member reports, until its end is closed.
func (l *memberLink) read(each func(embedded.Report)) {
	defer close(l.done)
	lines := bufio.NewScanner(l.conn)
	for lines.Scan() {
		var r embedded.Report
		switch err := json.Unmarshal(lines.Bytes(), &r); {
		case err != nil:
		case r.Answer != 0:
			l.answered(r)
		default:
			each(r)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	for _, answer := range l.waiting {
		answer <- errMemberGone
	}
	clear(l.waiting)
}

// errMemberGone is why an order has no answer.
var errMemberGone = errors.New("its process ended before it answered")

func (l *memberLink) answered(r embedded.Report) {
	l.mu.Lock()
	defer l.mu.Unlock()
	answer := l.waiting[r.Answer]
	if answer == nil {
		return // the order was given up
	}
	delete(l.waiting, r.Answer)
	if r.Error != "" {
		answer <- errors.New(r.Error)
		return
	}
	answer <- nil
}

// order has the member carry out an order, and returns when it has, or ctx is done.
func (l *memberLink) order(ctx context.Context, o embedded.Order) error {
	answer := make(chan error, 1)
	id, err := l.write(o, answer)
	if err != nil {
		return err
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		l.mu.Lock()
		delete(l.waiting, id)
		l.mu.Unlock()
		return errors.New("it does not answer: it may be paused, or very busy")
	}
}

// send gives the member an order, and does not wait until it is carried out.
func (l *memberLink) send(o embedded.Order) error {
	_, err := l.write(o, nil)
	return err
}

func (l *memberLink) write(o embedded.Order, answer chan error) (id int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return 0, errMemberGone
	}
	l.issued++
	o.ID = l.issued
	text, err := json.Marshal(o)
	if err != nil {
		return 0, err
	}
	_ = l.conn.SetWriteDeadline(time.Now().Add(orderTime))
	if _, err = l.conn.Write(append(text, '\n')); err != nil {
		return 0, err
	}
	if answer != nil {
		l.waiting[o.ID] = answer
	}
	return o.ID, nil
}

// orderTime is how long an order may wait for room in the connection; a member that runs reads at once.
const orderTime = time.Second

// close ends the connection of a process that has ended, when what it has reported is recorded.
func (l *memberLink) close() {
	_ = l.conn.SetReadDeadline(time.Now().Add(time.Second)) // a process that it left behind may hold its end open
	<-l.done
	_ = l.conn.Close()
}
