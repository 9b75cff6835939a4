package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"testing"
	"testing/iotest"
)

// records are constructors of every record in the package, by name. A record that is
// missing here is missed by TestEveryRecordIsListed.
var records = []func() Record{
	func() Record { return new(ID) },
	func() Record { return new(ACL) },
	func() Record { return new(Stat) },
	func() Record { return new(StatPersisted) },
	func() Record { return new(ConnectRequest) },
	func() Record { return new(ConnectResponse) },
	func() Record { return new(RequestHeader) },
	func() Record { return new(ReplyHeader) },
	func() Record { return new(MultiHeader) },
	func() Record { return new(WatcherEvent) },
	func() Record { return new(CreateRequest) },
	func() Record { return new(CreateTTLRequest) },
	func() Record { return new(DeleteRequest) },
	func() Record { return new(PathWatchRequest) },
	func() Record { return new(PathRequest) },
	func() Record { return new(SetDataRequest) },
	func() Record { return new(SetACLRequest) },
	func() Record { return new(CheckVersionRequest) },
	func() Record { return new(ReconfigRequest) },
	func() Record { return new(AuthPacket) },
	func() Record { return new(SASLToken) },
	func() Record { return new(SetWatches) },
	func() Record { return &SetWatches{V2: true} },
	func() Record { return new(AddWatchRequest) },
	func() Record { return new(WatchRemoval) },
	func() Record { return new(MultiRequest) },
	func() Record { return new(MultiResponse) },
	func() Record { return new(PathResponse) },
	func() Record { return new(Create2Response) },
	func() Record { return new(StatResponse) },
	func() Record { return new(DataResponse) },
	func() Record { return new(ACLResponse) },
	func() Record { return new(ChildrenResponse) },
	func() Record { return new(Children2Response) },
	func() Record { return new(CountResponse) },
	func() Record { return new(ErrorResponse) },
	func() Record { return new(WhoAmIResponse) },
	func() Record { return new(TxnHeader) },
	func() Record { return new(TxnDigest) },
	func() Record { return new(Txn) },
	func() Record { return new(CreateTxn) },
	func() Record { return new(CreateContainerTxn) },
	func() Record { return new(CreateTTLTxn) },
	func() Record { return new(DeleteTxn) },
	func() Record { return new(SetDataTxn) },
	func() Record { return new(SetACLTxn) },
	func() Record { return new(CreateSessionTxn) },
	func() Record { return new(CloseSessionTxn) },
	func() Record { return new(CheckVersionTxn) },
	func() Record { return new(ErrorTxn) },
	func() Record { return new(MultiTxn) },
	func() Record { return new(QuorumPacket) },
	func() Record { return new(LearnerInfo) },
	func() Record { return new(ForwardedRequest) },
	func() Record { return new(Revalidate) },
	func() Record { return new(RevalidateReply) },
	func() Record { return new(TouchTable) },
	func() Record { return new(Notification) },
	func() Record { return new(ElectionHello) },
}

func nameOf(r Record) string { return reflect.TypeOf(r).Elem().Name() }

// filler makes up values. It knows what the format cannot express: strings are never
// null, and vectors of strings never nil and empty at once.
type filler struct{ *rand.Rand }

func (f filler) record(r Record) {
	switch r := r.(type) {
	case *Txn:
		f.txn(r)
		return
	case *MultiRequest:
		ops := []OpCode{OpCreate, OpCreate2, OpCreateContainer, OpCreateTTL, OpDelete, OpSetData, OpCheck, OpGetData, OpGetChildren}
		for range f.IntN(4) {
			op := ops[f.IntN(len(ops))]
			request, _ := NewRequest(op)
			f.record(request)
			r.Ops = append(r.Ops, MultiOp{Op: op, Request: request})
		}
		return
	case *MultiResponse:
		ops := []OpCode{OpCreate, OpCreate2, OpSetData, OpGetData, OpGetChildren, OpDelete, OpCheck}
		for range f.IntN(4) {
			op := ops[f.IntN(len(ops))]
			response, _ := NewResponse(op)
			if response != nil {
				f.record(response)
			}
			r.Results = append(r.Results, MultiResult{Op: op, Response: response}, MultiResult{Op: OpError, Err: ErrCode(f.Int32())})
		}
		return
	case *Notification:
		f.value(reflect.ValueOf(r).Elem())
		r.Version = NotificationVersion
		r.Config = append(r.Config, 'x') // never nil with this version
		return
	case *ElectionHello:
		*r = ElectionHello{Version: HelloV1 + int64(f.IntN(2)), ServerID: f.Int64(), Addresses: []string{"a:1", "[::1]:2"}}
		return
	}
	v2 := false
	if s, ok := r.(*SetWatches); ok {
		v2 = s.V2
	}
	f.value(reflect.ValueOf(r).Elem())
	switch r := r.(type) {
	case *SetWatches:
		if r.V2 = v2; !v2 {
			r.Persistent, r.PersistentRecursive = nil, nil
		}
	case *ConnectRequest:
		r.ReadOnly = r.ReadOnly && r.HasReadOnly
	case *ConnectResponse:
		r.ReadOnly = r.ReadOnly && r.HasReadOnly
	case *ForwardedRequest:
		r.Body = append([]byte{}, r.Body...)
	}
}

func (f filler) txn(t *Txn) {
	types := []OpCode{
		OpCreate, OpCreate2, OpCreateContainer, OpCreateTTL, OpDelete, OpDeleteContainer, OpSetData, OpReconfig,
		OpSetACL, OpCreateSession, OpCloseSession, OpCheck, OpError, OpMulti,
	}
	f.value(reflect.ValueOf(&t.Header).Elem())
	t.Header.Type = types[f.IntN(len(types))]
	t.Body = NewTxnBody(t.Header.Type)
	f.record(t.Body)
	if f.IntN(2) == 0 {
		t.Digest = &TxnDigest{DigestVersion, f.Int64()}
	}
}

func (f filler) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(f.IntN(2) == 0)
	case reflect.Int32, reflect.Int64:
		v.SetInt(f.Int64() >> f.IntN(64))
	case reflect.Uint8:
		v.SetUint(uint64(f.IntN(256)))
	case reflect.String:
		v.SetString([]string{"", "/a", "/znode/ü", "world"}[f.IntN(4)])
	case reflect.Pointer:
		if f.IntN(2) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			f.value(v.Elem())
		}
	case reflect.Slice:
		n := f.IntN(4) - 1 // -1: nil
		if v.Type().Elem().Kind() == reflect.Uint8 || v.Type() == reflect.TypeFor[[]ACL]() || v.Type() == reflect.TypeFor[[]ID]() ||
			v.Type() == reflect.TypeFor[TouchTable]() {
			if n < 0 && v.Type() != reflect.TypeFor[TouchTable]() {
				return
			}
			n = max(n, 0)
			v.Set(reflect.MakeSlice(v.Type(), n, n))
		} else if n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
		}
		for i := range v.Len() {
			f.value(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f.value(v.Field(i))
		}
	default:
		panic(fmt.Sprintf("no values of kind %s", v.Kind()))
	}
}

// TestRoundTrip: what is encoded is what is decoded, from a slice and from a stream
// that trickles, for many values of every record.
func TestRoundTrip(t *testing.T) {
	f := filler{rand.New(rand.NewPCG(1, 2))}
	for _, construct := range records {
		for range 200 {
			want := construct()
			f.record(want)
			b := Marshal(want)

			got := construct()
			d := NewDecoder(b)
			got.Decode(d)
			if d.Err() != nil || d.Remaining() > 0 || d.lossy {
				t.Fatalf("%s %+v as %x: error %v, %d left, lossy %t", nameOf(want), want, b, d.Err(), d.Remaining(), d.lossy)
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%s\nwrote %+v\nread  %+v\nfrom  %x", nameOf(want), want, got, b)
			}
			if again := Marshal(got); !bytes.Equal(again, b) {
				t.Fatalf("%s %+v\nfirst %x\nagain %x", nameOf(want), want, b, again)
			}
			if needsSlice(want) {
				continue
			}
			got = construct()
			s := NewStreamDecoder(iotest.OneByteReader(bytes.NewReader(b)), 1<<20)
			got.Decode(s)
			if s.Err() != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("%s from a stream\nwrote %+v\nread  %+v, %v", nameOf(want), want, got, s.Err())
			}
		}
	}
}

// needsSlice: records whose end shows only in what is left.
func needsSlice(r Record) bool {
	switch r.(type) {
	case *ConnectRequest, *ConnectResponse, *Txn, *ForwardedRequest, *TouchTable, *Notification:
		return true
	}
	return false
}

// TestEveryPrefix: a record that is cut short is an error, never a panic, except
// where an old form ends there.
func TestEveryPrefix(t *testing.T) {
	f := filler{rand.New(rand.NewPCG(3, 4))}
	for _, construct := range records {
		if needsSlice(construct()) {
			continue // cut short they may mean something; the fuzz targets have them
		}
		for range 50 {
			r := construct()
			f.record(r)
			b := Marshal(r)
			for n := range b {
				err := Unmarshal(b[:n:n], construct())
				if _, isCreate := r.(*CreateTxn); isCreate && n == len(b)-4 {
					continue // the form of ZooKeeper 3.3
				}
				if err == nil {
					t.Fatalf("%s %+v: %d of %d bytes were accepted", nameOf(r), r, n, len(b))
				}
				s := NewStreamDecoder(bytes.NewReader(b[:n]), 1<<20)
				construct().Decode(s)
				if n == 0 && s.Err() != io.EOF || n > 0 && !errors.Is(s.Err(), io.ErrUnexpectedEOF) {
					t.Fatalf("%s: stream of %d of %d bytes: %v", nameOf(r), n, len(b), s.Err())
				}
			}
		}
	}
}

// TestSchemaSizes: the sizes that protocol documents state.
func TestSchemaSizes(t *testing.T) {
	for _, c := range []struct {
		record Record
		size   int
	}{
		{new(Stat), 68}, {new(StatPersisted), 60}, {new(TxnHeader), 32}, {new(TxnDigest), 12},
		{new(LearnerInfo), 20}, {new(MultiHeader), 9}, {new(ReplyHeader), 16}, {new(RequestHeader), 8},
		{&ConnectRequest{Password: NoPassword()}, 44},
		{&ConnectRequest{Password: NoPassword(), HasReadOnly: true}, 45},
		{&ConnectResponse{Password: NoPassword()}, 36},
		{&ConnectResponse{Password: NoPassword(), HasReadOnly: true}, 37},
		{&Notification{Version: 1}, 40}, {&Notification{Version: 2}, 44},
	} {
		if got := len(Marshal(c.record)); got != c.size {
			t.Errorf("%s takes %d bytes, want %d", nameOf(c.record), got, c.size)
		}
	}
}
