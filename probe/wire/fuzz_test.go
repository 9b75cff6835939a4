package wire

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

// checkDecode holds for any record and any bytes: nothing panics, memory stays in
// proportion, and what decodes without loss encodes to the bytes that were read. What
// loses something (a null text, a bool of 7) is stable after one decoding.
func checkDecode(t *testing.T, construct func() Record, b []byte) {
	t.Helper()
	r := construct()
	d := NewDecoder(b)
	var read int
	grown := allocated(func() {
		r.Decode(d)
		read = len(b) - d.Remaining()
	})
	// A record takes at most some 40 times its bytes: a multi of empty deletes, or texts
	// of no length.
	if limit := uint64(64*len(b) + 1<<16); grown > limit {
		t.Fatalf("%s: %d bytes allocated for %d", nameOf(r), grown, len(b))
	}
	if d.Err() != nil {
		return
	}
	again := Marshal(r)
	if !d.lossy {
		if !bytes.Equal(again, b[:read]) {
			t.Fatalf("%s %+v\nread  %x\nwrote %x", nameOf(r), r, b[:read], again)
		}
		return
	}
	back := construct()
	if err := Unmarshal(again, back); err != nil {
		t.Fatalf("%s %+v: own bytes %x: %v", nameOf(r), r, again, err)
	}
	if twice := Marshal(back); !bytes.Equal(twice, again) {
		t.Fatalf("%s %+v\nfirst  %x\nsecond %x", nameOf(r), r, again, twice)
	}
}

// FuzzRecord decodes arbitrary bytes as any record; the first argument chooses which.
func FuzzRecord(f *testing.F) {
	for i, construct := range records {
		name := nameOf(construct())
		f.Add(uint8(i), Marshal(construct()))
		for _, v := range captured(f) {
			at := 0
			for _, r := range v.parts(f) {
				if nameOf(r) == name {
					f.Add(uint8(i), v.bytes[at:])
				}
				at += len(Marshal(r)) // fixed for headers, and nothing follows a body
			}
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, b []byte) {
		checkDecode(t, records[int(which)%len(records)], b)
	})
}

// FuzzTxn has a target of its own, as transactions come from disks as well.
func FuzzTxn(f *testing.F) {
	for _, v := range captured(f) {
		if v.kind == "txn" {
			f.Add(v.bytes)
			f.Add(v.bytes[:len(v.bytes)-txnDigestSize])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		checkDecode(t, func() Record { return new(Txn) }, b)
	})
}

// FuzzMulti: the records whose length is in their contents.
func FuzzMulti(f *testing.F) {
	for _, v := range captured(f) {
		if v.name == "multi" || v.name == "multiRead" {
			switch v.kind {
			case "request":
				f.Add(true, v.bytes[8:])
			case "reply":
				f.Add(false, v.bytes[16:])
			}
		}
	}
	f.Fuzz(func(t *testing.T, request bool, b []byte) {
		if request {
			checkDecode(t, func() Record { return new(MultiRequest) }, b)
			return
		}
		checkDecode(t, func() Record { return new(MultiResponse) }, b)
	})
}

// FuzzNotification and FuzzElectionHello are what a stranger on the election port sends.
func FuzzNotification(f *testing.F) {
	for _, v := range captured(f) {
		if v.kind == "notification" {
			f.Add(v.bytes)
			f.Add(v.bytes[:notificationOld])
			f.Add(v.bytes[:notificationOldest])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		checkDecode(t, func() Record { return new(Notification) }, b)
	})
}

func FuzzElectionHello(f *testing.F) {
	f.Add(hexBytes("0000000000000005"))
	f.Add(Marshal(&ElectionHello{Version: HelloV2, ServerID: 4, Addresses: []string{"[::1]:3888", "10.0.0.1:3888"}}))
	for _, v := range captured(f) {
		if v.kind == "hello" {
			f.Add(v.bytes)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		checkDecode(t, func() Record { return new(ElectionHello) }, b)
	})
}

// FuzzPacketStream: a stream of packets is read as a slice of them would be.
func FuzzPacketStream(f *testing.F) {
	var all []byte
	for _, v := range captured(f) {
		if v.kind == "packet" {
			f.Add(v.bytes)
			all = append(all, v.bytes...)
		}
	}
	f.Add(all)
	f.Fuzz(func(t *testing.T, b []byte) {
		slice, stream := NewDecoder(b), NewStreamDecoder(bytes.NewReader(b), len(b))
		for slice.Remaining() > 0 {
			var fromSlice, fromStream QuorumPacket
			fromSlice.Decode(slice)
			stream.Begin(int64(len(b)))
			fromStream.Decode(stream)
			if (slice.Err() == nil) != (stream.Err() == nil) {
				t.Fatalf("slice: %v, stream: %v", slice.Err(), stream.Err())
			}
			if slice.Err() == nil && !reflect.DeepEqual(fromSlice, fromStream) {
				t.Fatalf("slice %+v\nstream %+v", fromSlice, fromStream)
			}
		}
	})
}

// FuzzReadFrame: frames come back as they were, or not at all.
func FuzzReadFrame(f *testing.F) {
	f.Add(AppendFrame(nil, []byte("hello")), 100)
	f.Add(hexBytes("7fffffff00"), 1<<20)
	f.Add(hexBytes("ffffffff"), 10)
	f.Fuzz(func(t *testing.T, b []byte, limit int) {
		limit = limit & (1<<31 - 1)
		var frame []byte
		var err error
		if grown := allocated(func() { frame, err = ReadFrame(bytes.NewReader(b), limit) }); grown > uint64(16*len(b)+1<<18) {
			t.Fatalf("%d bytes allocated for %d", grown, len(b))
		}
		if err != nil {
			return
		}
		if len(frame) > limit {
			t.Fatalf("frame of %d bytes with limit %d", len(frame), limit)
		}
		if again := AppendFrame(nil, frame); !bytes.HasPrefix(b, again) {
			t.Fatalf("read %x, wrote %x", b, again)
		}
	})
}

// FuzzFourLetter: any text is an answer or one of the errors that say what it is.
func FuzzFourLetter(f *testing.F) {
	for _, name := range []string{
		"srvr-3.4.5-follower.txt", "srvr-3.5.6-leader.txt", "srvr-3.8.0-read-only.txt", "stat-3.8.0-follower.txt",
		"stat-3.4.3-leader.txt", "cons-3.8.0-follower.txt", "mntr-3.4.14-leader.txt", "refused-not-serving.txt",
		"refused-not-whitelisted.txt",
	} {
		f.Add(answer(f, name))
	}
	explained := func(t *testing.T, err error) {
		for _, known := range []error{nil, ErrNotServing, ErrNotWhitelisted, ErrHalfAnswer, ErrGarbage} {
			if errors.Is(err, known) {
				return
			}
		}
		t.Fatalf("unexplained error %v", err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ParseSrvr(text)
		explained(t, err)
		if err == nil && (s.Mode == "" || s.Release() == "" && s.Version != "" && s.Version[0] == '3') {
			t.Fatalf("%+v", s)
		}
		values, err := ParseMntr(text)
		explained(t, err)
		if err == nil && values["zk_server_state"] == "" {
			t.Fatalf("%v", values)
		}
	})
}

// FuzzValidatePath: a path that is accepted can be split and joined again.
func FuzzValidatePath(f *testing.F) {
	for _, path := range []string{"/", "/a/b", "//", "/a/./b", "/\xff", "/é"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if ValidatePath(path) != nil || path == "/" {
			return
		}
		if ValidatePath(path+"/") == nil || ValidatePath(path[1:]) == nil || ValidatePath(path+"/.") == nil {
			t.Fatalf("%q", path)
		}
		if ValidatePath(path+path) != nil {
			t.Fatalf("%q twice is refused", path)
		}
	})
}
