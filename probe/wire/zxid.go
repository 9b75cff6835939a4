package wire

import (
	"fmt"
	"strconv"
	"strings"
)

// Zxid names a transaction and its place in the total order: the epoch of the leader
// that proposed it in the high 32 bits, a counter within the epoch in the low 32
// (Zab section 3.1). Zxids compare as signed numbers, as in Java.
type Zxid int64

// MakeZxid joins an epoch and a counter. Counter 0 of an epoch names no transaction:
// it is the leader's NEWLEADER, the beginning of the epoch itself.
func MakeZxid(epoch int64, counter uint32) Zxid { return Zxid(epoch<<32 | int64(counter)) }

// Epoch is the epoch of the leader that proposed the transaction. The shift is
// arithmetic: zxid -1, "no database yet", has epoch -1.
func (z Zxid) Epoch() int64 { return int64(z) >> 32 }

// Counter is the transaction's number within its epoch, from 1.
func (z Zxid) Counter() uint32 { return uint32(z) }

// Follows tells whether z can stand right behind prev in a history: it is the next number, or the first of a
// later epoch. Zxids leave no other choice (Zab section 3.1): a leader numbers its transactions from 1 without
// gaps. A leader gives its epoch up before the counter ends; a standalone server, which has no epochs, counts on
// into the bits of the next one.
func (z Zxid) Follows(prev Zxid) bool {
	return z == prev+1 || z.Epoch() > prev.Epoch() && z.Counter() == 1
}

// String writes the zxid as ZooKeeper's srvr does: 0x100000001.
func (z Zxid) String() string { return "0x" + strconv.FormatUint(uint64(z), 16) }

// ParseZxid reads what String writes; the 0x may be missing.
func ParseZxid(s string) (Zxid, error) {
	v, err := strconv.ParseUint(strings.TrimPrefix(s, "0x"), 16, 64)
	if err != nil {
		return 0, fmt.Errorf("zxid %q: want hexadecimal digits such as 0x100000001", s)
	}
	return Zxid(v), nil
}

// MarshalText makes a zxid a hex string in JSON, where a number would lose digits.
func (z Zxid) MarshalText() ([]byte, error) { return []byte(z.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (z *Zxid) UnmarshalText(text []byte) (err error) {
	*z, err = ParseZxid(string(text))
	return err
}
