package wire

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
)

// TestEncodeAsJava builds messages from their meaning and compares them with what
// Java's client and servers sent for it, so that a mistake made both in decoding and
// in encoding does not go unseen.
func TestEncodeAsJava(t *testing.T) {
	const session = 0x100001880880000
	digest := "bob:fyVmFCwVbTJYrznoSu1koqYEYF0="
	world := "server.1=127.0.0.1:17281:17381:participant\nserver.2=127.0.0.1:17282:17382:participant\n" +
		"server.3=127.0.0.1:17283:17383:participant\nserver.4=127.0.0.1:17284:17384:observer\nversion=0"
	joining := "server.9=127.0.0.1:1:2;3"
	dataStat := Stat{
		Czxid: 0x100000002, Mzxid: 0x100000002, Ctime: 0x1a201c48cea, Mtime: 0x1a201c48cea,
		Cversion: 1, DataLength: 4, NumChildren: 1, Pzxid: 0x100000004,
	}
	for _, c := range []struct {
		kind, name string
		nth        int
		parts      []Record
	}{
		{"connect-request", "", 0, []Record{&ConnectRequest{Timeout: 6000, Password: NoPassword(), HasReadOnly: true}}},
		{"connect-request", "", 2, []Record{&ConnectRequest{Timeout: 4000, Password: NoPassword()}}},
		{"connect-response", "", 0, []Record{&ConnectResponse{
			Timeout: 6000, SessionID: session, Password: SessionPassword(session), HasReadOnly: true,
		}}},
		{"request", "auth", 0, []Record{&RequestHeader{XidAuth, OpAuth}, &AuthPacket{Scheme: "digest", Auth: []byte("bob:secret")}}},
		{"request", "createTTL", 0, []Record{
			&RequestHeader{5, OpCreateTTL},
			&CreateTTLRequest{Path: "/t", Data: []byte("x"), ACL: OpenACL(), Flags: FlagPersistentTTL, TTL: 60000},
		}},
		{"request", "multi", 0, []Record{&RequestHeader{21, OpMulti}, &MultiRequest{[]MultiOp{
			{Op: OpCreate, Request: &CreateRequest{Path: "/m", Data: []byte("1"), ACL: OpenACL()}},
			{Op: OpSetData, Request: &SetDataRequest{"/a", []byte("3"), AnyVersion}},
			{Op: OpCheck, Request: &CheckVersionRequest{"/a", 2}},
			{Op: OpDelete, Request: &DeleteRequest{"/m", AnyVersion}},
		}}}},
		{"request", "reconfig", 0, []Record{&RequestHeader{1, OpReconfig}, &ReconfigRequest{Joining: &joining, ConfigID: -1}}},
		{"request", "removeWatches", 0, []Record{&RequestHeader{24, OpRemoveWatches}, &WatchRemoval{"/t", WatcherAny}}},
		{"reply", "getData", 0, []Record{&ReplyHeader{8, 0x100000006, OK}, &DataResponse{[]byte("data"), dataStat}}},
		{"reply", "multi", 1, []Record{&ReplyHeader{22, 0x10000000b, OK}, &MultiResponse{[]MultiResult{
			{Op: OpError, Err: OK}, {Op: OpError, Err: ErrBadVersion}, {Op: OpError, Err: ErrRuntimeInconsistency},
		}}}},
		{"reply", "whoAmI", 0, []Record{&ReplyHeader{20, 0x100000009, OK}, &WhoAmIResponse{[]ClientInfo{
			{"digest", "bob"}, {"ip", "127.0.0.1"},
		}}}},
		{"error", "exists", 0, []Record{&ReplyHeader{7, 0x100000006, ErrNoNode}}},
		{"event", "", 0, []Record{&ReplyHeader{XidNotification, -1, OK}, &WatcherEvent{EventDataChanged, StateSyncConnected, "/a"}}},
		{"txn", "create", 1, []Record{&Txn{
			Header: TxnHeader{session, 2, 0x100000003, 0x1a201c48d18, OpCreate},
			Body:   &CreateTxn{Path: "/n", ACL: OpenACL(), ParentCVersion: 2},
			Digest: &TxnDigest{DigestVersion, 0x2519f5ae7},
		}}},
		{"txn", "error", 0, []Record{&Txn{
			Header: TxnHeader{session, 16, 0x100000009, 0x1a201c48dc1, OpError}, Body: &ErrorTxn{ErrBadVersion},
		}}},
		{"txn", "closeSession", 0, []Record{&Txn{
			Header: TxnHeader{session, 26, 0x10000000f, 0x1a201c4c9ce, OpCloseSession},
			Body:   &CloseSessionTxn{[]string{"/a/e-0000000000"}},
			Digest: &TxnDigest{DigestVersion, 0x32743b676},
		}}},
		{"txn", "multi", 1, []Record{&Txn{
			Header: TxnHeader{session, 22, 0x10000000b, 0x1a201c48ee3, OpMulti},
			Body: &MultiTxn{[]SubTxn{
				{OpCreate, Marshal(&CreateTxn{Path: "/m", Data: []byte("1"), ACL: OpenACL(), ParentCVersion: 6})},
				{OpError, Marshal(&ErrorTxn{ErrBadVersion})},
				{OpError, Marshal(&ErrorTxn{ErrRuntimeInconsistency})},
			}},
			Digest: &TxnDigest{DigestVersion, 0x4152c0ef0},
		}}},
		{"hello", "", 0, []Record{&ElectionHello{ServerID: 3, Addresses: []string{"127.0.0.1:17383"}}}},
		{"notification", "LEADING", 0, []Record{&Notification{
			State: Leading, Leader: 3, ElectionEpoch: 1, Version: NotificationVersion, Config: []byte(world),
		}}},
		{"packet", "FOLLOWERINFO", 0, []Record{&QuorumPacket{
			Type: PacketFollowerInfo, Data: Marshal(&LearnerInfo{2, QuorumProtocolVersion, 0}),
		}}},
		{"packet", "LEADERINFO", 0, []Record{&QuorumPacket{
			Type: PacketLeaderInfo, Zxid: MakeZxid(1, 0), Data: EncodeInt32(QuorumProtocolVersion),
		}}},
		{"packet", "from a learner, delete", 0, []Record{&QuorumPacket{
			Type: PacketRequest, Zxid: -1,
			Data:     Marshal(&ForwardedRequest{session, 25, OpDelete, Marshal(&DeleteRequest{"/t", AnyVersion})}),
			AuthInfo: []ID{{"digest", digest}, {"ip", "127.0.0.1"}},
		}}},
	} {
		var e Encoder
		for _, p := range c.parts {
			p.Encode(&e)
		}
		if want := find(t, c.kind, c.name, c.nth); !bytes.Equal(e.Bytes(), want) {
			t.Errorf("%s %s:\nwrote %x\nJava  %x", c.kind, c.name, e.Bytes(), want)
		}
	}
}

func TestSessionPassword(t *testing.T) {
	for id, want := range map[int64]string{
		0x1:                "054cc74a37327db215e702e20c73f005",
		0x0100000000000000: "f22acd4a97e69d6d20a49bb638eadb38",
		0x01000abcdef00001: "f51765ae67a7260385ecb221bc63056c",
		0x100001040f40000:  "2e4f4652233c10e2bcd83549a47898f7",
	} {
		if got := hex.EncodeToString(SessionPassword(id)); got != want {
			t.Errorf("password of session %#x: %s, want %s", id, got, want)
		}
	}
	// And every session that the captured servers handed out.
	var seen int
	for _, v := range captured(t) {
		if v.kind != "connect-response" {
			continue
		}
		var c ConnectResponse
		if err := Unmarshal(v.bytes, &c); err != nil {
			t.Fatal(err)
		}
		seen++
		if got := SessionPassword(c.SessionID); !bytes.Equal(got, c.Password) {
			t.Errorf("password of session %#x: %x, the server said %x", c.SessionID, got, c.Password)
		}
	}
	if seen == 0 {
		t.Error("no captured connect-response")
	}
}

// TestOldForms: what peers and logs of other versions write is read.
func TestOldForms(t *testing.T) {
	var e Encoder
	e.Int32(int32(Following))
	e.Int64(7)
	e.Zxid(MakeZxid(5, 9))
	e.Int64(3)
	var n Notification
	if err := Unmarshal(e.Bytes(), &n); err != nil || n.PeerEpoch != 5 || n.Version != 0 || n.Leader != 7 {
		t.Errorf("notification of 28 bytes: %+v, %v", n, err)
	}
	e.Int64(6)
	e.Int32(1)
	if err := Unmarshal(e.Bytes(), &n); err != nil || n.PeerEpoch != 6 || n.Version != 0 {
		t.Errorf("notification of 40 bytes: %+v, %v", n, err)
	}

	var h ElectionHello
	if err := Unmarshal(hexBytes("0000000000000005"), &h); err != nil || h.ServerID != 5 || h.Addresses != nil {
		t.Errorf("hello before 3.5: %+v, %v", h, err)
	}
	several := Marshal(&ElectionHello{Version: HelloV2, ServerID: 4, Addresses: []string{"[::1]:3888", "10.0.0.1:3888"}})
	if err := Unmarshal(several, &h); err != nil || h.Version != HelloV2 || len(h.Addresses) != 2 || h.Addresses[1] != "10.0.0.1:3888" {
		t.Errorf("hello with two addresses: %+v, %v", h, err)
	}

	header := TxnHeader{ClientID: 9, Cxid: 1, Zxid: 2, Time: 3, Type: OpCreate}
	v0 := Txn{Header: header, Body: &CreateTxn{Path: "/a", ACL: OpenACL(), ParentCVersion: 1}}
	b := v0.Marshal()
	txn, err := UnmarshalTxn(b[:len(b)-4])
	if err != nil || txn.Body.(*CreateTxn).ParentCVersion != -1 {
		t.Errorf("create without parent version: %+v, %v", txn, err)
	}
	header.Type = OpCloseSession
	for _, want := range []*Txn{{Header: header}, {Header: header, Digest: &TxnDigest{DigestVersion, 0}}} {
		got, err := UnmarshalTxn(want.Marshal())
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("closeSession without body: %+v, %v", got, err)
		}
	}
}

// TestRefused: what must not be taken for something else.
func TestRefused(t *testing.T) {
	unknown := Txn{Header: TxnHeader{Type: 99}}
	if _, err := UnmarshalTxn(unknown.Marshal()); err == nil || !strings.Contains(err.Error(), "unknown transaction type: 99") {
		t.Errorf("transaction of type 99: %v", err)
	}
	withDigest := Txn{Header: TxnHeader{Type: OpDelete}, Body: &DeleteTxn{"/a"}, Digest: &TxnDigest{DigestVersion, 1}}
	b := withDigest.Marshal()
	if _, err := UnmarshalTxn(b[:len(b)-1]); err == nil {
		t.Error("a transaction cut inside its digest was accepted")
	}
	for name, r := range map[string]struct {
		hex    string
		record Record
	}{
		"setACL inside multi":      {"0000000700ffffffff", new(MultiRequest)},
		"multi without end":        {"", new(MultiRequest)},
		"notification of 27 bytes": {strings.Repeat("00", 27), new(Notification)},
		"config beyond the frame":  {strings.Repeat("00", 36) + "00000002" + "00000005" + "61", new(Notification)},
		"hello version -1":         {"ffffffffffffffff0000000000000001", new(ElectionHello)},
		"hello without address":    {"ffffffffffff0000000000000000000100000000", new(ElectionHello)},
		"hello with 2049 bytes":    {"ffffffffffff0000000000000000000100000801" + strings.Repeat("61", 2049), new(ElectionHello)},
		"touch table of 13 bytes":  {strings.Repeat("00", 13), new(TouchTable)},
	} {
		if err := Unmarshal(hexBytes(r.hex), r.record); err == nil {
			t.Errorf("%s: accepted as %+v", name, r.record)
		}
	}
}

func hexBytes(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}
