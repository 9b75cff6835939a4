package quorum

import (
	"fmt"
	"math"
)

// maxTarget bounds the ensembles that SmallestFor considers.
const maxTarget = 100_001

// SmallestFor returns the smallest odd number of equal voters whose majority is
// available with probability target or better, and that availability.
//
// Even sizes are left out: they tolerate no more than the odd size below, and
// are less available. Below one half, more servers make it worse, so that no
// size helps. Errors wrap ErrUnreachable for p <= 1/2 (unless one server already
// does), for a target of 1 with servers that can fail, and when 100,001 servers
// fall short; ErrInvalid for probabilities that are not given.
//
// Algorithm: availability grows with the odd n, so bisection over n, each size
// as a binomial tail summed from its first term, O(n) a size. Source: the
// binomial distribution.
func SmallestFor(p, target Probability) (n int, a Availability, err error) {
	if !p.valid() || !target.valid() {
		return 0, a, invalidf("availability and target must be given")
	}
	enough := func(n int) bool {
		return majorityDown(n, p) <= target.chance().down
	}
	if enough(1) {
		return 1, Availability{fromDown(majorityDown(1, p))}, nil
	}
	if p.up <= 0.5 {
		return 0, a, fmt.Errorf("%w: at an availability of %v a server, more servers make the ensemble no better than one: "+
			"no size reaches %v", ErrUnreachable, p.up, target.up)
	}
	low, high := 1, 3 // low is not enough
	for !enough(high) {
		if high == maxTarget {
			return 0, a, fmt.Errorf("%w: not even %d servers at %v each reach %v", ErrUnreachable, maxTarget, p.up, target.up)
		}
		low, high = high, min(2*high+1, maxTarget)
	}
	for high-low > 2 {
		middle := low + (high-low)/4*2 // odd, as low is
		if enough(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high, Availability{fromDown(majorityDown(high, p))}, nil
}

// majorityDown is ln P(fewer than a majority of n are up), for equal servers.
func majorityDown(n int, p Probability) float64 {
	return binomialTail(n, n-n/2, p.chance())
}

// binomialTail is ln P(bar or more of n equal servers fail).
func binomialTail(n, bar int, c chance) float64 {
	switch {
	case bar <= 0 || math.IsInf(c.up, -1) && bar <= n:
		return 0
	case bar > n || math.IsInf(c.down, -1):
		return math.Inf(-1)
	}
	// Σ_{k>=bar} C(n,k) q^k p^(n-k): the first term in logarithms, the others by
	// their ratio to the one before.
	term, sum := 1.0, 1.0
	odds := math.Exp(c.down - c.up)
	for k := bar; k < n; k++ {
		term *= odds * float64(n-k) / float64(k+1)
		sum += term
		if math.IsInf(sum, 1) { // far beyond one half: certainly the likely side
			return 0
		}
		if term < sum*1e-22 && odds*float64(n-k-1) < float64(k+2) {
			break // the terms fall from here on, and faster and faster
		}
	}
	lg := func(x int) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
	return min(0, lg(n)-lg(bar)-lg(n-bar)+float64(bar)*c.down+float64(n-bar)*c.up+math.Log(sum))
}

// binomialOutage is binomialTail as a chance, each side computed where it is
// small; as outage for items that are all alike.
func binomialOutage(n, bar int, c chance) chance {
	if down := binomialTail(n, bar, c); down < -math.Ln2 {
		return fromDown(down)
	}
	return fromUp(binomialTail(n, n-bar+1, chance{up: c.down, down: c.up}))
}
