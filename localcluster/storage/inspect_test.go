package storage

import (
	"fmt"
)

// Check reads what Open would, and repairs nothing: Notes lists what Open would repair.
func Check(options Options) (*Recovered, error) {
	if options.FS == nil {
		options.FS = OS()
	}
	if options.Recent == 0 {
		options.Recent = defaultRecent
	}
	r := reader{newLayout(options.FS, options.DataDir, options.LogDir), options}
	f, err := r.read(noLimit)
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", options.DataDir, err)
	}
	for _, repair := range f.repairs {
		if repair.note != "" {
			f.Notes = append(f.Notes, repair.note)
		}
	}
	return &f.Recovered, nil
}
