package quorum

import "math/bits"

// sumSet is the set of the sums that some weights can have, below a bound: a bit
// for each. It answers subset-sum 64 sums at a time.
type sumSet struct {
	words []uint64
	bound int64
}

// newSumSet is the set of the sums of no weights: {0}.
func newSumSet(bound int64) sumSet {
	s := sumSet{make([]uint64, bound/64+1), bound}
	s.words[0] = 1
	return s
}

// add adds a weight: every sum may go up by w.
func (s sumSet) add(w int64) {
	if w >= s.bound {
		return
	}
	skip, shift := int(w/64), uint(w%64)
	for i := len(s.words) - 1; i >= skip; i-- { // from the top: each weight counts once
		word := s.words[i-skip] << shift
		if i > skip && shift > 0 {
			word |= s.words[i-skip-1] >> (64 - shift)
		}
		s.words[i] |= word
	}
}

// any reports whether a sum lies in from..bound-1.
func (s sumSet) any(from int64) bool {
	for i := len(s.words) - 1; i >= 0; i-- {
		word := s.words[i]
		if base := int64(i) * 64; base+64 > s.bound {
			word &= 1<<uint(s.bound-base) - 1
		}
		if word != 0 {
			return int64(i)*64+int64(bits.Len64(word))-1 >= from
		}
	}
	return false
}
