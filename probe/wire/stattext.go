package wire

import (
	"fmt"
	"strconv"
	"strings"
)

// ClientConn is one client of a server, as stat and cons list it:
//
//	/127.0.0.1:46758[1](queued=0,recved=27,sent=29,sid=0x100001880880000,lop=DELE,...)
//
// What follows sent is in cons only, and not for connections without a session.
type ClientConn struct {
	Addr      string // host:port
	Queued    int64
	Received  int64
	Sent      int64
	SessionID int64  // 0 without a session
	LastOp    string // the first letters of the last operation, such as DELE
	Timeout   int64  // milliseconds
}

// ParseStat reads the answer to stat: the server's clients and what srvr says.
func ParseStat(text []byte) (Srvr, []ClientConn, error) {
	s, err := ParseSrvr(text)
	if err != nil {
		return Srvr{}, nil, err
	}
	clients, err := parseClients(text)
	return s, clients, err
}

// ParseCons reads the answer to cons: the server's clients, whoever asks included.
func ParseCons(text []byte) ([]ClientConn, error) {
	if err := CheckFourLetter(text); err != nil {
		return nil, err
	}
	return parseClients(text)
}

func parseClients(text []byte) ([]ClientConn, error) {
	var clients []ClientConn
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "/") {
			continue
		}
		c, err := parseClient(line)
		if err != nil {
			return nil, fmt.Errorf("%w: line %.80q: %w", ErrGarbage, line, err)
		}
		clients = append(clients, c)
	}
	return clients, nil
}

func parseClient(line string) (ClientConn, error) {
	head, counts, ok := strings.Cut(line, "](")
	bracket := strings.LastIndexByte(head, '[')
	if !ok || bracket < 1 || !strings.HasSuffix(counts, ")") {
		return ClientConn{}, fmt.Errorf("want /host:port[ops](queued=0,...)")
	}
	c := ClientConn{Addr: head[1:bracket]}
	for pair := range strings.SplitSeq(strings.TrimSuffix(counts, ")"), ",") {
		key, value, _ := strings.Cut(pair, "=")
		var err error
		switch key {
		case "queued":
			c.Queued, err = strconv.ParseInt(value, 10, 64)
		case "recved":
			c.Received, err = strconv.ParseInt(value, 10, 64)
		case "sent":
			c.Sent, err = strconv.ParseInt(value, 10, 64)
		case "to":
			c.Timeout, err = strconv.ParseInt(value, 10, 64)
		case "sid":
			var id uint64
			id, err = strconv.ParseUint(strings.TrimPrefix(value, "0x"), 16, 64)
			c.SessionID = int64(id)
		case "lop":
			c.LastOp = value
		}
		if err != nil {
			return ClientConn{}, err
		}
	}
	return c, nil
}
