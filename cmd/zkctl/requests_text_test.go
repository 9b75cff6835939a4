package main

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"zkctl/probe/wire"
)

// How requests and answers are written in testdata/requests; see conversation.

// statBytes finds a Stat: zxids of a first epoch, times of this century or of the root, versions, owner, lengths, zxid.
var statBytes = regexp.MustCompile(`^(0{7}[01]00[0-9a-f]{6}){2}(000001[0-9a-f]{10}|0{16}){2}([0-9a-f]{8})([0-9a-f]{8})([0-9a-f]{8})([0-9a-f]{16})([0-9a-f]{8})([0-9a-f]{8})[0-9a-f]{16}`)

// showBody writes a body as a Go string would be written, a Stat as {…}.
func showBody(body []byte) string {
	var parts []string
	rest := []byte{}
	flush := func() {
		if len(rest) > 0 {
			parts = append(parts, strconv.QuoteToASCII(string(rest)))
			rest = nil
		}
	}
	for len(body) > 0 {
		m := statBytes.FindStringSubmatch(hex.EncodeToString(body[:min(len(body), 68)]))
		if m == nil {
			rest, body = append(rest, body[0]), body[1:]
			continue
		}
		flush()
		owner := "none"
		if strings.Trim(m[6], "0") != "" {
			owner = "session"
		}
		parts = append(parts, fmt.Sprintf("{versions %s %s %s owner %s length %s children %s}", short(m[3]), short(m[4]), short(m[5]), owner, short(m[7]), short(m[8])))
		body = body[68:]
	}
	flush()
	return strings.Join(parts, " ")
}

func short(hex string) string {
	n, _ := strconv.ParseUint(hex, 16, 32)
	return strconv.Itoa(int(int32(n)))
}

// opNumbers are the names that requests may use.
var opNumbers = func() map[string]wire.OpCode {
	m := map[string]wire.OpCode{}
	for op := wire.OpCode(-20); op < 200; op++ {
		if op.Known() {
			m[op.String()] = op
		}
	}
	return m
}()

func parseRequest(xid int32, line string) ([]byte, error) {
	words := fieldPattern.FindAllString(strings.TrimPrefix(line, "> "), -1)
	op, ok := opNumbers[words[0]]
	if !ok {
		n, err := strconv.Atoi(words[0])
		if err != nil {
			return nil, err
		}
		op = wire.OpCode(n)
	}
	frame := wire.Marshal(&wire.RequestHeader{Xid: xid, Op: op})
	for _, word := range words[1:] {
		b, err := parseField(word)
		if err != nil {
			return nil, err
		}
		frame = append(frame, b...)
	}
	return frame, nil
}

var fieldPattern = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|\S+`)

func parseField(word string) ([]byte, error) {
	e := wire.NewEncoder(nil)
	switch {
	case word == "null":
		e.Int32(-1)
	case word == "true", word == "false":
		e.Bool(word == "true")
	case word == "open":
		wire.EncodeACLs(e, wire.OpenACL())
	case word == "end":
		(&wire.MultiHeader{Op: -1, Done: true, Err: -1}).Encode(e)
	case strings.HasPrefix(word, "op:"):
		n, err := strconv.Atoi(word[3:])
		if err != nil {
			return nil, err
		}
		(&wire.MultiHeader{Op: wire.OpCode(n), Err: -1}).Encode(e)
	case strings.HasPrefix(word, "hex:"):
		return hex.DecodeString(word[4:])
	case word[0] == '/':
		e.Text(word)
	case word[0] == '"':
		s, err := strconv.Unquote(word)
		if err != nil {
			return nil, err
		}
		e.Text(s)
	case strings.HasSuffix(word, "L"):
		n, err := strconv.ParseInt(word[:len(word)-1], 10, 64)
		if err != nil {
			return nil, err
		}
		return binary.BigEndian.AppendUint64(nil, uint64(n)), nil
	default:
		n, err := strconv.ParseInt(word, 10, 32)
		if err != nil {
			return nil, err
		}
		e.Int32(int32(n))
	}
	return e.Bytes(), nil
}
