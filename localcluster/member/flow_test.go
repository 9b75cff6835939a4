package member

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"zkctl/probe/wire"
)

// pipeline writes requests in one go, on another goroutine: the server may not read
// them all before it is read from.
func (r *rawClient) pipeline(requests ...request) (xids []int32) {
	var all []byte
	for _, q := range requests {
		r.xid++
		xids = append(xids, r.xid)
		payload := wire.Marshal(&wire.RequestHeader{Xid: r.xid, Op: q.op})
		if q.body != nil {
			payload = wire.AppendRecord(payload, q.body)
		}
		all = wire.AppendFrame(all, payload)
	}
	go r.c.Write(all)
	return xids
}

type request struct {
	op   wire.OpCode
	body wire.Record
}

func repeat(n int, q ...request) (all []request) {
	for range n {
		all = append(all, q...)
	}
	return all
}

func getData(path string) request {
	return request{wire.OpGetData, &wire.PathWatchRequest{Path: path}}
}

// A client that reads nothing is closed when its session is over: its connection is
// not kept for what it will never read.
func TestAClientThatReadsNothingIsClosed(t *testing.T) {
	eachRole(t, func(t *testing.T, m, _ *running) {
		greedy := openRaw(t, m.addr, wire.ConnectRequest{Timeout: 400, Password: wire.NoPassword(), HasReadOnly: true})
		greedy.create("/big", strings.Repeat("x", 1_000_000))
		greedy.pipeline(repeat(1000, getData("/big"))...)
		m.log.await(1, "closed a client connection", "client="+greedy.c.LocalAddr().String(), "does not read")
		good := connectRaw(t, m.addr)
		for good.data("/big") == "" {
			t.Fatal("a client that reads gets nothing")
		}
		if outstanding := m.stat("zk_outstanding_requests"); outstanding != "0" {
			t.Errorf("%s requests are outstanding when the client is gone", outstanding)
		}
	})
}

// However long a read waits for room, it sees what was written ahead of it on its
// connection, and nothing that was written behind it.
func TestReadsThatWaitForRoomKeepTheirPlace(t *testing.T) {
	eachRole(t, func(t *testing.T, m, other *running) {
		c := openRaw(t, m.addr, wire.ConnectRequest{Timeout: 60000, Password: wire.NoPassword(), HasReadOnly: true})
		c.create("/n", "")
		var requests []request
		const rounds = 40
		for i := range rounds {
			data := bytes.Repeat([]byte{byte('a' + i%26)}, 200_000)
			requests = append(requests, request{wire.OpSetData, &wire.SetDataRequest{Path: "/n", Data: data, Version: -1}})
			requests = append(requests, repeat(3, getData("/n"))...)
		}
		xids := c.pipeline(requests...)
		// Until others have written a while, nothing is read.
		good := connectRaw(t, other.addr)
		good.create("/other", "")
		for i := range 50 {
			good.mustCall(wire.OpSetData, &wire.SetDataRequest{Path: "/other", Data: []byte(fmt.Sprint(i)), Version: -1}, nil)
		}
		for i, xid := range xids {
			f := c.reply(xid)
			if f.Err != wire.OK {
				t.Fatalf("request %d: %v", i, f.Err)
			}
			if i%4 == 0 {
				continue
			}
			var d wire.DataResponse
			if err := wire.Unmarshal(f.body, &d); err != nil {
				t.Fatal(err)
			}
			if want := byte('a' + i/4%26); len(d.Data) != 200_000 || d.Data[0] != want || d.Stat.Version != int32(i/4+1) {
				t.Fatalf("read %d has %d bytes of %q, version %d; expected %q, version %d", i, len(d.Data), d.Data[0],
					d.Stat.Version, want, i/4+1)
			}
		}
	})
}

// Reads that are asked for behind a write are answered all at once when it is done.
// If the node has grown meanwhile beyond the reserved room, the connection is closed, so
// that the memory stays bounded.
func TestReadsOfANodeThatGrowsAreCutOff(t *testing.T) {
	m := standalone(t)
	writer := connectRaw(t, m.addr)
	writer.create("/n", "")
	for {
		// Whose turn comes first is chance; so it is tried until it has happened.
		c := connectRaw(t, m.addr)
		c.pipeline(append([]request{{wire.OpSetData, &wire.SetDataRequest{Path: "/n", Data: bytes.Repeat([]byte("x"), 1_000_000), Version: -1}}},
			repeat(1000, getData("/n"))...)...)
		writer.mustCall(wire.OpSetData, &wire.SetDataRequest{Path: "/n", Version: -1}, nil)
		m.log.mu.Lock()
		cut := m.log.count([]string{"does not read its answers", "reason="})
		m.log.mu.Unlock()
		c.close()
		if cut > 0 {
			break
		}
	}
	writer.mustCall(wire.OpExists, &wire.PathWatchRequest{Path: "/n"}, nil) // others are served
}

// A multiRead may not ask for thousands of times its own size.
func TestMultiReadIsBounded(t *testing.T) {
	m := standalone(t)
	c := connectRaw(t, m.addr)
	c.create("/big", strings.Repeat("x", 1_000_000))
	c.mustCall(wire.OpCreate, &wire.CreateRequest{Path: "/secret", Data: make([]byte, 1_000_000),
		ACL: []wire.ACL{{Perms: wire.PermAll &^ wire.PermRead, ID: wire.ID{Scheme: "world", ID: "anyone"}}}}, nil)
	for _, test := range []struct {
		path string
		n    int
		want wire.ErrCode
	}{
		{"/big", 16, wire.OK},
		{"/big", 20, wire.ErrMarshalling},
		{"/big", 10_000, wire.ErrMarshalling},
		{"/secret", 20, wire.OK}, // its answer is 20 errors, and small
	} {
		r := &wire.MultiRequest{}
		for range test.n {
			r.Ops = append(r.Ops, wire.MultiOp{Op: wire.OpGetData, Request: &wire.PathWatchRequest{Path: test.path}})
		}
		if code := c.call(wire.OpMultiRead, r, nil); code != test.want {
			t.Errorf("%d times %s: %v, want %v", test.n, test.path, code, test.want)
		}
	}
}

// When as much waits for clients that read nothing as may, others are served with what
// is small, and with the rest when there is room again.
func TestAServerThatIsFullServesOthers(t *testing.T) {
	if testing.Short() {
		t.Skip("fills 64 MiB, and as much in the kernel")
	}
	m := standalone(t, func(c *Config) { c.MaxClientConnections = 0 })
	good, reader := connectRaw(t, m.addr), openRaw(t, m.addr, wire.ConnectRequest{Timeout: 60000, Password: wire.NoPassword(), HasReadOnly: true})
	good.create("/big", strings.Repeat("x", 1_000_000))
	var greedy []*rawClient
	for range maxServerUnread>>20 + 6 {
		c := openRaw(t, m.addr, wire.ConnectRequest{Timeout: 60000, Password: wire.NoPassword(), HasReadOnly: true})
		c.pipeline(repeat(30, getData("/big"))...)
		greedy = append(greedy, c)
	}
	refused := func() bool {
		m.log.mu.Lock()
		defer m.log.mu.Unlock()
		return m.log.count([]string{"a four-letter word is not answered", "word=cons"}) > 0
	}
	for !refused() {
		ask(t, m.addr, "cons")
	}
	large := reader.start(wire.OpGetData, getData("/big").body)
	for range 20 {
		good.mustCall(wire.OpSetData, &wire.SetDataRequest{Path: "/", Version: -1}, nil)
		good.mustCall(wire.OpExists, &wire.PathWatchRequest{Path: "/big"}, nil)
	}
	if got := ask(t, m.addr, "ruok"); got != "imok" {
		t.Errorf("ruok: %q", got)
	}
	if got := m.stat("zk_server_state"); got != "standalone" {
		t.Errorf("mntr: %q", got)
	}
	for _, c := range greedy {
		c.close()
	}
	if f := reader.reply(large); f.Err != wire.OK || len(f.body) < 1_000_000 {
		t.Errorf("the large answer: %v, %d bytes", f.Err, len(f.body))
	}
	for ask(t, m.addr, "cons") == "" {
	}
}
