package quorum

import (
	"math/big"
	"math/bits"
	"slices"
)

// This file multiplies the groups' failure profiles. With B(x) and W(x) for the
// sets that break a group and those that leave it whole, the fatal sets
// are those that leave fewer than need groups whole:
//
//	fatal(x) = Σ_{k<need} [z^k] Π_g (B_g(x) + W_g(x)·z)
//
// The coefficients have as many bits as there are voters, and multiplying such
// polynomials out is slow. Instead, modulo primes of a word: B_g and W_g at enough
// points (roots of unity: the number-theoretic transform), the product point by point, back to
// coefficients, and from all primes together to the integers (Chinese remainders). All
// of it is exact. Source: Pollard, The fast Fourier transform in a finite field (1971).

// fatalSets returns the coefficients of fatal(x)·(1+x)^free.
func fatalSets(b *budget, groups []groupProfile, need, free int) ([]*big.Int, error) {
	n := free
	for _, g := range groups {
		n += len(g.whole) - 1
	}
	classes := alikeProfiles(groups)
	points := 1 << bits.Len(uint(n)) // more than n
	primes := n/61 + 1               // of more than 61 bits each: their product exceeds 2^n
	per := 8
	done := 0
	for _, c := range classes { // the steps of fatalAt
		per += 2*c.times + 2*bits.Len(uint(points)) + min(done+1, need)*min(c.times+1, need)
		done += c.times
	}
	if err := b.spend(3 * int64(points) * int64(primes) * int64(per)); err != nil {
		return nil, err
	}
	var fields []field
	var residues [][]uint64
	for p := range primesFor(points, primes) {
		f := newField(p, points)
		values := f.fatalAt(classes, need, free, points)
		f.transform(values, f.inverse(f.root))
		scale := f.inverse(f.of(uint64(points)))
		for i := range values {
			values[i] = f.mul(f.mul(values[i], scale), 1) // out of Montgomery's form
		}
		fields, residues = append(fields, f), append(residues, values[:n+1])
	}
	return remainders(fields, residues), nil
}

// profileClass is a group profile, and how many groups have it.
type profileClass struct {
	groupProfile
	times int
}

func alikeProfiles(groups []groupProfile) []profileClass {
	var classes []profileClass
	for _, g := range groups {
		if i := slices.IndexFunc(classes, func(c profileClass) bool { return c.equal(g) }); i >= 0 {
			classes[i].times++
		} else {
			classes = append(classes, profileClass{g, 1})
		}
	}
	return classes
}

// fatalAt evaluates fatal(x)·(1+x)^free at all points.
func (f field) fatalAt(classes []profileClass, need, free, points int) []uint64 {
	type known struct{ broken, whole, choose []uint64 }
	var at []known // the classes' values at the points
	for _, c := range classes {
		k := known{f.evaluate(c.broken, points), f.evaluate(c.whole, points), make([]uint64, c.times+1)}
		for i, n := range binomials(c.times) {
			k.choose[i] = f.reduce(n)
		}
		at = append(at, k)
	}
	values := make([]uint64, points)
	x := f.one // the point
	var sets, next, class []uint64
	for i := range values {
		sets = append(sets[:0], f.one) // sets[k]: with k groups whole so far, k < need
		for _, c := range at {
			class = f.powers(class, c.broken[i], c.whole[i], c.choose, need)
			sets, next = f.convolve(next, sets, class, need), sets
		}
		for _, v := range sets {
			values[i] = f.add(values[i], v)
		}
		values[i] = f.mul(values[i], f.power(f.add(f.one, x), uint64(free)))
		x = f.mul(x, f.root)
	}
	return values
}

// powers are the coefficients of (b + w·z)^n up to z^(most-1), n = len(choose)-1. Like
// convolve, it writes over out, which may be nil.
func (f field) powers(out []uint64, b, w uint64, choose []uint64, most int) []uint64 {
	most = min(most, len(choose))
	out = append(out[:0], choose[:most]...)
	up, down := f.one, f.power(b, uint64(len(choose)-most))
	for k := range out {
		out[k] = f.mul(out[k], up)
		out[most-1-k] = f.mul(out[most-1-k], down)
		up, down = f.mul(up, w), f.mul(down, b)
	}
	return out
}

// convolve multiplies two polynomials in z, up to z^(most-1).
func (f field) convolve(out, a, b []uint64, most int) []uint64 {
	out = out[:0]
	for k := range min(len(a)+len(b)-1, most) {
		// Σ a[i]·b[k-i], reduced once: the high word alone is kept below p.
		var high, low uint64
		for i := max(0, k-len(b)+1); i <= min(k, len(a)-1); i++ {
			h, l := bits.Mul64(a[i], b[k-i])
			var carry uint64
			low, carry = bits.Add64(low, l, 0)
			if high += h + carry; high >= f.p {
				high -= f.p
			}
		}
		out = append(out, f.fold(high, low))
	}
	return out
}

// field is the integers modulo a prime below 2^62, in Montgomery's form: a
// number x is kept as x·2^64, and a product costs two multiplications and no division.
type field struct {
	p, inverseOfP uint64 // inverseOfP·p = 1 modulo 2^64
	one, square   uint64 // 2^64 and 2^128 modulo p
	root          uint64 // of unity: its powers are the points
}

// primesFor yields the largest primes below 2^62 that have roots of unity of the
// given order, a power of two.
func primesFor(order, many int) func(yield func(uint64) bool) {
	return func(yield func(uint64) bool) {
		step := uint64(max(order, 1<<20))
		for p := 1<<62 - step + 1; many > 0; p -= step {
			if new(big.Int).SetUint64(p).ProbablyPrime(0) { // certain below 2^64
				if !yield(p) {
					return
				}
				many--
			}
		}
	}
}

func newField(p uint64, order int) field {
	f := field{p: p, inverseOfP: 1}
	for range 6 { // Newton: each round doubles the bits
		f.inverseOfP *= 2 - p*f.inverseOfP
	}
	_, f.one = bits.Div64(1, 0, p)
	_, f.square = bits.Div64(f.one, 0, p)
	// A power of two's worth of roots comes from any number that is no square.
	for g := uint64(3); ; g++ {
		base := f.of(g)
		if f.power(base, (p-1)/2) != f.one {
			f.root = f.power(base, (p-1)/uint64(order))
			return f
		}
	}
}

// of brings x into Montgomery's form.
func (f field) of(x uint64) uint64 { return f.mul(x%f.p, f.square) }

func (f field) reduce(n *big.Int) uint64 {
	return f.of(new(big.Int).Mod(n, new(big.Int).SetUint64(f.p)).Uint64())
}

func (f field) add(a, b uint64) uint64 {
	if sum := a + b; sum < f.p {
		return sum
	}
	return a + b - f.p
}

func (f field) mul(a, b uint64) uint64 { return f.fold(bits.Mul64(a, b)) }

// fold divides a number of two words, the higher one below p, by 2^64 modulo p.
func (f field) fold(high, low uint64) uint64 {
	drop, _ := bits.Mul64(low*f.inverseOfP, f.p)
	if high < drop {
		return high - drop + f.p
	}
	return high - drop
}

func (f field) power(x, n uint64) uint64 {
	result := f.one
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			result = f.mul(result, x)
		}
		x = f.mul(x, x)
	}
	return result
}

func (f field) inverse(x uint64) uint64 { return f.power(x, f.p-2) }

// evaluate returns a polynomial's values at all points.
func (f field) evaluate(coefficients []*big.Int, points int) []uint64 {
	values := make([]uint64, points)
	for i, c := range coefficients {
		values[i] = f.reduce(c)
	}
	f.transform(values, f.root)
	return values
}

// transform replaces a[k] by Σ_j a[j]·root^(jk), for a root of unity of order len(a), a
// power of two: the iterative form of Cooley and Tukey.
func (f field) transform(a []uint64, root uint64) {
	n := len(a)
	shift := 64 - bits.Len(uint(n-1))
	for i := range a {
		if j := int(bits.Reverse64(uint64(i)) >> shift); n > 1 && i < j {
			a[i], a[j] = a[j], a[i]
		}
	}
	for half := 1; half < n; half *= 2 {
		turn := f.power(root, uint64(n/(2*half)))
		for from := 0; from < n; from += 2 * half {
			w := f.one
			for i := from; i < from+half; i++ {
				x, y := a[i], f.mul(a[i+half], w)
				a[i], a[i+half] = f.add(x, y), f.add(x, f.p-y)
				w = f.mul(w, turn)
			}
		}
	}
}

// remainders finds the integers below the product of the primes that leave the
// residues.
func remainders(fields []field, residues [][]uint64) []*big.Int {
	product := big.NewInt(1)
	for _, f := range fields {
		product.Mul(product, new(big.Int).SetUint64(f.p))
	}
	basis := make([]*big.Int, len(fields)) // 1 modulo its own prime, 0 modulo the others
	for i, f := range fields {
		p := new(big.Int).SetUint64(f.p)
		others := new(big.Int).Quo(product, p)
		basis[i] = new(big.Int).Mul(others, new(big.Int).ModInverse(new(big.Int).Mod(others, p), p))
	}
	out := make([]*big.Int, len(residues[0]))
	term := new(big.Int)
	for m := range out {
		sum := new(big.Int)
		for i, r := range residues {
			sum.Add(sum, term.Mul(basis[i], new(big.Int).SetUint64(r[m])))
		}
		out[m] = sum.Mod(sum, product)
	}
	return out
}
