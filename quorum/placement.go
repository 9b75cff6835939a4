package quorum

import (
	"cmp"
	"math"
	"slices"
)

// Placement is a way to spread the voters of a majority over zones.
type Placement struct {
	Sizes        []int // voters in each zone, in the order of the zones given
	SurvivesAny  bool  // any single zone can be lost
	Further      int   // failures still tolerated after the worst zone is lost; -1: none is
	Availability Availability
}

// maxPlacements bounds what Place ranks, counted with the sets of zones that each may lose.
const maxPlacements = 1 << 20

// Place ranks the ways to put n equal voters, counted by majority, on the given zones: the most
// available first. With zones that are all alike, sizes that are permutations of each other are
// listed once, largest first. Members of the zones are ignored.
//
// Which zones are lost decides how many voters are left, and that how likely a majority of all
// is among them. Errors wrap ErrInvalid for n below 1, no zones or a missing probability, and
// ErrTooLarge for too many ways.
func Place(n int, zones []Zone, p Probability) ([]Placement, error) {
	if _, err := zonesOf(zones); err != nil {
		return nil, err
	}
	if _, err := MajorityOf(n); err != nil {
		return nil, err
	}
	if !p.valid() {
		return nil, invalidf("no probability for the servers")
	}
	need := n/2 + 1
	left := make([]chance, n+1) // of a quorum, by how many voters the zones leave
	for k := range left {
		items := slices.Repeat([]item{{1, p.chance()}}, k)
		var err error
		if left[k], err = gather(items, int64(need)); err != nil {
			return nil, err
		}
	}
	alike := !slices.ContainsFunc(zones, func(z Zone) bool { return z.chance() != zones[0].chance() })
	var found []Placement
	sizes := make([]int, len(zones))
	var choose func(zone, remain, most int) error
	choose = func(zone, remain, most int) error {
		if zone == len(zones)-1 {
			if remain > most {
				return nil
			}
			sizes[zone] = remain
			further := max(-1, n-slices.Max(sizes)-need)
			found = append(found, Placement{slices.Clone(sizes), further >= 0, further, Availability{placed(sizes, zones, left)}})
			if len(found)<<len(zones) > maxPlacements {
				return tooLarge("there are more than %d ways to put %d voters on %d zones: name fewer zones", len(found)-1, n, len(zones))
			}
			return nil
		}
		for size := min(remain, most); size >= 0; size-- {
			sizes[zone] = size
			limit := n
			if alike {
				limit = size
			}
			if err := choose(zone+1, remain-size, limit); err != nil {
				return err
			}
		}
		return nil
	}
	if err := choose(0, n, n); err != nil {
		return nil, err
	}
	slices.SortStableFunc(found, func(a, b Placement) int {
		return cmp.Compare(a.Availability.chance.down, b.Availability.chance.down)
	})
	return found, nil
}

// placed is how likely a quorum is with so many voters in each zone.
func placed(sizes []int, zones []Zone, left []chance) chance {
	total := chance{nothing, nothing}
	var lose func(zone, alive int, ln float64)
	lose = func(zone, alive int, ln float64) {
		if zone == len(zones) {
			total.up, total.down = logAdd(total.up, ln+left[alive].up), logAdd(total.down, ln+left[alive].down)
			return
		}
		c := zones[zone].chance()
		lose(zone+1, alive, ln+c.up)
		lose(zone+1, alive-sizes[zone], ln+c.down)
	}
	lose(0, len(left)-1, 0)
	return total.balance()
}

// Weighting is a choice of weights for one group, and what it is worth.
type Weighting struct {
	IDs          []int64   // ascending
	Weights      []int64   // in the order of IDs
	LogOdds      []float64 // ln(p/(1-p)) of each server: the shape that the best weights follow
	Availability Availability
}

// maxWeightings bounds the weights that BestWeights tries: a second's work.
const maxWeightings = 200_000

// BestWeights finds the weights 0..limit, in one group, that make the ensemble most available;
// among equally good ones those with the smallest sum.
//
// Without rounding, the best weights are proportional to ln(p/(1-p)) (Shapley and Grofman 1984,
// Nitzan and Paroush 1982). Rounded to small whole numbers that is a guide only, so every choice
// is tried that gives a likelier server no less than an unlikelier one (an exchange argument
// shows that the others cannot win). Errors wrap ErrInvalid for a limit below 1, voters as for
// NewMajority, or a missing probability, and ErrTooLarge beyond maxWeightings.
func BestWeights(ids []int64, up func(id int64) Probability, limit int) (Weighting, error) {
	sorted, err := voterSet(ids)
	if err != nil {
		return Weighting{}, err
	}
	if limit < 1 {
		return Weighting{}, invalidf("weights up to %d: the limit must be 1 or more", limit)
	}
	n := len(sorted)
	if ways := binomial(n+limit, limit); !ways.IsInt64() || ways.Int64() > maxWeightings {
		return Weighting{}, tooLarge("%v ways to give %d servers weights from 0 to %d, and at most %d are tried; choose weights near ln(p/(1-p)) instead",
			ways, n, limit, maxWeightings)
	}
	w := Weighting{IDs: sorted, Weights: make([]int64, n), LogOdds: make([]float64, n)}
	order := make([]int, n) // positions, the likeliest to be up first
	for i, id := range sorted {
		if !up(id).valid() {
			return Weighting{}, invalidf("no probability for server %d", id)
		}
		order[i], w.LogOdds[i] = i, up(id).chance().up-up(id).chance().down
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(w.LogOdds[b], w.LogOdds[a]) })
	items := make([]item, n) // in that order
	for k, i := range order {
		items[k].chance = up(sorted[i]).chance()
	}
	best, lightest := math.Inf(1), int64(0)
	var try func(k int, most, total int64) error
	try = func(k int, most, total int64) error {
		if k < n {
			for items[k].weight = 0; items[k].weight <= most; items[k].weight++ {
				if err := try(k+1, items[k].weight, total+items[k].weight); err != nil {
					return err
				}
			}
			return nil
		}
		if total == 0 {
			return nil
		}
		c, err := gather(items, total/2+1)
		if err != nil {
			return err
		}
		// Equal but for rounding is equal: then the smaller sum wins.
		same := c.down == best || !math.IsInf(best, 0) && math.Abs(c.down-best) <= 1e-12*math.Abs(best)
		if c.down < best && !same || same && total < lightest {
			best, lightest = c.down, total
			w.Availability = Availability{c}
			for k, i := range order {
				w.Weights[i] = items[k].weight
			}
		}
		return nil
	}
	return w, try(0, int64(limit), 0)
}
