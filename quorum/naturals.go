package quorum

import (
	"math/big"
	"math/bits"
)

// naturals is an array of natural numbers of one fixed width. Counting sets
// means millions of additions of numbers with hundreds of digits: here none of
// them allocates, and an array is one piece of memory.
type naturals struct {
	words []uint64
	width int // words of each number, the least significant first
}

// newNaturals makes room for n numbers below 2^bound.
func newNaturals(n, bound int) naturals {
	width := wordsFor(bound)
	return naturals{make([]uint64, n*width), width}
}

// wordsFor is how many words hold a number up to 2^bound.
func wordsFor(bound int) int { return bound/64 + 1 }

// at is number i, its low words only.
func (a naturals) at(i int64, words int) []uint64 {
	from := int(i) * a.width
	return a.words[from : from+words]
}

// addTo adds y to x, which has room for the result and at least as many words.
func addTo(x, y []uint64) {
	var carry uint64
	for i, word := range y {
		x[i], carry = bits.Add64(x[i], word, carry)
	}
	for i := len(y); carry > 0 && i < len(x); i++ {
		x[i], carry = bits.Add64(x[i], 0, carry)
	}
}

// natural converts to a big.Int.
func natural(words []uint64) *big.Int {
	n := new(big.Int)
	for i := len(words) - 1; i >= 0; i-- {
		n.Lsh(n, 64)
		n.Or(n, new(big.Int).SetUint64(words[i]))
	}
	return n
}

// binomials returns C(n,0) .. C(n,n), each from the one before.
func binomials(n int) []*big.Int {
	row := make([]*big.Int, n+1)
	row[0] = big.NewInt(1)
	for k := 1; k <= n; k++ {
		if 2*k > n { // by symmetry
			row[k] = row[n-k]
			continue
		}
		row[k] = new(big.Int).Mul(row[k-1], big.NewInt(int64(n-k+1)))
		row[k].Quo(row[k], big.NewInt(int64(k)))
	}
	return row
}

func binomial(n, k int) *big.Int { return new(big.Int).Binomial(int64(n), int64(k)) }
