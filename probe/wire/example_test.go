package wire_test

import (
	"bytes"
	"fmt"

	"zkctl/probe/wire"
)

// A request is a frame with a header and the operation's record.
func ExampleEncoder() {
	var e wire.Encoder
	mark := e.BeginFrame()
	header := wire.RequestHeader{Xid: 1, Op: wire.OpGetData}
	header.Encode(&e)
	request := wire.PathWatchRequest{Path: "/a", Watch: true}
	request.Encode(&e)
	e.EndFrame(mark)
	fmt.Printf("%x\n", e.Bytes())
	// Output: 0000000f0000000100000004000000022f6101
}

// A server reads it back, without an error check a field.
func ExampleDecoder() {
	stream := bytes.NewReader([]byte("\x00\x00\x00\x0f\x00\x00\x00\x01\x00\x00\x00\x04\x00\x00\x00\x02/a\x01"))
	frame, err := wire.ReadFrame(stream, wire.DefaultMaxBuffer)
	if err != nil {
		fmt.Println(err)
		return
	}
	d := wire.NewDecoder(frame)
	var header wire.RequestHeader
	var request wire.PathWatchRequest
	header.Decode(d)
	request.Decode(d)
	fmt.Println(header.Op, request.Path, request.Watch, d.Err())
	// Output: getData /a true <nil>
}

func ExampleParseSrvr() {
	_, err := wire.ParseSrvr([]byte(wire.NotServingText))
	fmt.Println(err)
	_, err = wire.ParseSrvr([]byte("Zookeeper version: 3.9.3-c26634f, built on 2024-10-17\nZxid: 0x2000\n"))
	fmt.Println(err)
	// Output:
	// server is not currently serving requests
	// half an answer: 67 bytes without "Mode"
}
