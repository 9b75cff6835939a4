package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"zkctl/probe/wire"
)

// A conversation is one connection to a standalone server: requests, and what the server answers to
// each. testdata/requests has them, in files that are read like this:
//
//	# why this conversation is there
//	> getData null false            the operation, by name or number, and the fields of its body
//	< MarshallingError z            what Apache ZooKeeper 3.8.0 answers: error, zxid, body
//	because: a reason               where this server answers otherwise, on purpose
//	= OK z ""                       and what it answers then, to all of the requests
//
// A field is a quoted or slashed text or buffer (null: none at all), a number of 32 bits (64: 7L), a
// bool, open (an ACL that allows everything), op:N and end (the headers of a multi), or hex:BYTES.
//
// Of an answer, a zxid that is a transaction's is shown as z, and a Stat as far as two servers must
// agree on it. Behind each request go two pings, one after the other. The first tells a request that
// is never answered; the second a connection that is closed behind an answer, for a Java server may
// send what it has already before it closes.
type conversation struct {
	why     []string
	script  []string // requests, and behind each what Apache ZooKeeper answers
	because string   // since which release of ZooKeeper, and the issue; or the reason
	ours    []string // all of this server's answers, where they differ
}

var capture = flag.Bool("capture", false, "write what the servers answer into testdata/requests")

const requestFiles = "testdata/requests/*.txt"

// TestRequestsAreAnsweredAsRecorded holds the embedded server, in each of its roles, to what is
// recorded of Apache ZooKeeper.
func TestRequestsAreAnsweredAsRecorded(t *testing.T) {
	if *capture {
		t.Skip("the answers are being recorded")
	}
	for _, role := range []string{"standalone", "leader", "follower", "observer"} {
		t.Run(role, func(t *testing.T) {
			address := zkctlServer(t).start(t, role)
			eachConversation(t, func(file string, c *conversation) {
				got := c.have(t, address)
				want := c.script
				if c.because != "" {
					got, want = answers(got), c.ours
				}
				c.compare(t, file, got, want)
			})
		})
	}
}

// TestRequestsAreAnsweredByApache holds the record to Apache ZooKeeper, standalone: in an ensemble a null
// path within a multi is a transaction that is never committed, and nothing behind it is.
func TestRequestsAreAnsweredByApache(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a JVM; left out by -short")
	}
	if *capture {
		record(t, apacheServer(t).start(t, "standalone"), zkctlServer(t).start(t, "standalone"))
		return
	}
	address := apacheServer(t).start(t, "standalone")
	eachConversation(t, func(file string, c *conversation) {
		if c.because != "" && slices.Equal(answers(c.script), c.ours) {
			t.Errorf("%s: %q does not differ", file, c.script)
		}
		c.compare(t, file, c.have(t, address), c.script)
	})
}

func (c *conversation) compare(t *testing.T, file string, got, want []string) {
	if !slices.Equal(got, want) {
		t.Errorf("%s: %s\ngot\n%s\nwant\n%s", file, strings.Join(c.why, "\n"), strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// answers leaves the requests out.
func answers(transcript []string) []string {
	var lines []string
	for _, line := range transcript {
		if line[0] == '<' {
			lines = append(lines, line)
		}
	}
	return lines
}

// record writes the files anew.
func record(t *testing.T, apache, ours string) {
	text := map[string]*strings.Builder{}
	eachConversation(t, func(file string, c *conversation) {
		c.script, c.ours = c.have(t, apache), answers(c.have(t, ours))
		if slices.Equal(answers(c.script), c.ours) {
			c.because, c.ours = "", nil
		} else if c.because == "" {
			c.because = "?"
			t.Errorf("%s: %q differs from %q: mend it, or say why", file, c.script, c.ours)
		}
		if text[file] == nil {
			text[file] = new(strings.Builder)
		} else {
			fmt.Fprintln(text[file])
		}
		c.write(text[file])
	})
	for file, b := range text {
		if err := os.WriteFile(file, []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func eachConversation(t *testing.T, do func(file string, c *conversation)) {
	for _, file := range conversationFiles(t) {
		for _, c := range readConversations(t, file) {
			do(file, c)
		}
	}
}

func conversationFiles(t *testing.T) []string {
	files, err := filepath.Glob(requestFiles)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, %v", requestFiles, len(files), err)
	}
	return files
}

// readConversations reads one file. Conversations are set apart by what explains them.
func readConversations(t *testing.T, file string) []*conversation {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []*conversation
	var c *conversation
	for _, line := range strings.Split(string(text), "\n") {
		mark, rest, _ := strings.Cut(line, " ")
		switch {
		case line == "":
			c = nil
			continue
		case c == nil:
			c = &conversation{}
			all = append(all, c)
		}
		switch mark {
		case "#":
			c.why = append(c.why, line)
		case ">", "<":
			c.script = append(c.script, line)
		case "because:":
			c.because = rest
		case "=":
			c.ours = append(c.ours, "< "+rest)
		default:
			t.Fatalf("%s: cannot read %q", file, line)
		}
	}
	return all
}

func (c *conversation) write(w io.Writer) {
	for _, line := range slices.Concat(c.why, c.script) {
		fmt.Fprintln(w, line)
	}
	if c.because != "" {
		fmt.Fprintln(w, "because: "+c.because)
		for _, line := range c.ours {
			fmt.Fprintln(w, "="+line[1:])
		}
	}
}

var ping = wire.AppendFrame(nil, wire.Marshal(&wire.RequestHeader{Xid: wire.XidPing, Op: wire.OpPing}))

// have has the conversation, and returns its transcript.
func (c *conversation) have(t *testing.T, address string) []string {
	socket, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	socket.SetDeadline(time.Now().Add(patience))
	in := bufio.NewReader(socket)
	if _, err := socket.Write(connect); err != nil {
		t.Fatal(err)
	}
	if _, err := wire.ReadFrame(in, 1<<20); err != nil {
		t.Fatal(err)
	}
	var transcript []string
	xid := int32(0)
	lives := true
	for _, request := range c.script {
		if request[0] != '>' || !lives {
			if request[0] == '>' {
				transcript = append(transcript, request)
			}
			continue
		}
		xid++
		frame, err := parseRequest(xid, request)
		if err != nil {
			t.Fatalf("%s: %v", request, err)
		}
		if _, err := socket.Write(append(wire.AppendFrame(nil, frame), ping...)); err != nil {
			t.Fatal(err)
		}
		var said []string
		if said, lives = readAnswers(t, in); len(said) == 0 {
			said = []string{"< nothing"}
		}
		if lives {
			_, _ = socket.Write(ping) // reading tells whether it is closed
			var more []string
			more, lives = readAnswers(t, in)
			said = append(said, more...)
		}
		transcript = slices.Concat(transcript, []string{request}, said)
	}
	return transcript
}

// readAnswers reads what comes before the answer to the ping.
func readAnswers(t *testing.T, in io.Reader) (answers []string, lives bool) {
	for {
		frame, err := wire.ReadFrame(in, 1<<20)
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			t.Fatal("the server neither answers nor closes the connection")
		case err != nil:
			return append(answers, "< closed"), false
		}
		var h wire.ReplyHeader
		d := wire.NewDecoder(frame)
		h.Decode(d)
		body := d.Rest()
		switch {
		case d.Err() != nil:
			t.Fatalf("an answer of %d bytes", len(frame))
		case h.Xid == wire.XidPing:
			return answers, true
		case h.Xid == wire.XidNotification:
			var e wire.WatcherEvent
			if err := wire.Unmarshal(body, &e); err != nil {
				t.Fatal(err)
			}
			answers = append(answers, fmt.Sprintf("< event %v %s", e.Type, e.Path))
		default:
			zxid := "z"
			if h.Zxid <= 0 {
				zxid = strconv.FormatInt(int64(h.Zxid), 10)
			}
			line := fmt.Sprintf("< %v %s", h.Err, zxid)
			if len(body) > 0 {
				line += " " + showBody(body)
			}
			answers = append(answers, line)
		}
	}
}
