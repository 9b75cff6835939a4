package storage

import (
	"encoding/binary"
	"fmt"
	"hash/adler32"

	"zkctl/probe/wire"
)

// A log file, byte by byte; every number is big-endian.
//
//	 0  int32  0x5a4b4c47, "ZKLG"
//	 4  int32  2, the version
//	 8  int64  0, the database id
//	16  entry, entry, ...
//	    zeros, if the file was extended ahead of use; or nothing
//
//	entry:
//	 0    int64  Adler-32 of the payload (the upper half is zero)
//	 8    int32  n, the payload's length
//	12    n bytes, a transaction: wire.Txn
//	12+n  0x42, 'B'
//
// An entry ends in 'B' because a checksum alone cannot tell a torn write from a changed one: a length of zero,
// an entry that reaches beyond the end of the file, and one without its 'B' are a write that a crash has
// interrupted. Such a write was never acknowledged, so it may be dropped; the log ends before it. A complete
// entry with a wrong checksum was durable once and has changed since: damage.
const (
	fileHeaderSize = 16
	logMagic       = 0x5a4b4c47
	formatVersion  = 2
	logDBID        = 0

	entryHeaderSize = 12
	entryEnd        = 0x42
	entryOverhead   = entryHeaderSize + 1

	// A transaction has at least its header, in which session and cxid stand before the zxid.
	minPayload = 32
	zxidOffset = 12
)

func appendFileHeader(dst []byte, magic uint32, dbID int64) []byte {
	dst = binary.BigEndian.AppendUint32(dst, magic)
	dst = binary.BigEndian.AppendUint32(dst, formatVersion)
	return binary.BigEndian.AppendUint64(dst, uint64(dbID))
}

func appendEntry(dst, payload []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(adler32.Checksum(payload)))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(payload)))
	dst = append(dst, payload...)
	return append(dst, entryEnd)
}

// payloadZxid reads the zxid of a marshalled transaction without decoding the rest.
func payloadZxid(payload []byte) wire.Zxid {
	return wire.Zxid(binary.BigEndian.Uint64(payload[zxidOffset:]))
}

// checkProposal refuses, before it is written, what a reader would refuse later.
func checkProposal(p wire.Proposal) error {
	if len(p.Data) < minPayload {
		return fmt.Errorf("proposal %s has %d bytes, less than the header of a transaction", p.Zxid, len(p.Data))
	}
	if z := payloadZxid(p.Data); z != p.Zxid {
		return fmt.Errorf("proposal %s carries transaction %s", p.Zxid, z)
	}
	return nil
}

func successors(z wire.Zxid) string {
	return fmt.Sprintf("%s or the first transaction of a later epoch", z+1)
}
