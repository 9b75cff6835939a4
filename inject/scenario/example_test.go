package scenario_test

import (
	"fmt"

	"zkctl/inject/scenario"
)

func ExampleParseStep() {
	step, err := scenario.ParseStep(`on newleader of=2 kill self --lose "unsynced" --signal=KILL --for 1500ms`)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(step)
	fmt.Println(step.Fault.WithSelf("2"))
	_, err = scenario.ParseStep("at 3s kill leader --jitter 1s")
	fmt.Println(err)
	// Output:
	// on newleader of=2 kill self --lose unsynced --for 1.5s
	// kill 2 --lose unsynced --for 1.5s
	// column 19: kill has no flag --jitter; usage: kill SELECTOR [--signal NAME] [--lose some|unsynced] [--silent] [--wipe] [--for D]
}
