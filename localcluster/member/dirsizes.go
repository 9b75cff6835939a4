package member

import (
	"io/fs"
	"path/filepath"
)

// dirSizes are the bytes below dataDir and dataLogDir, as `dirs` and `conf`
// show them. Walking folders is slow, so the goroutine of the connection does it, and
// not the event loop.
type dirSizes struct{ data, log int64 }

func measure(cfg *Config) dirSizes {
	version2 := func(dir string) int64 { return dirSize(filepath.Join(dir, "version-2")) }
	return dirSizes{data: version2(cfg.DataDir), log: version2(cfg.DataLogDir)}
}

// dirSize adds up the sizes of the files that it can read. Files come and go meanwhile; a
// sum that lacks one of them is better than none.
func dirSize(dir string) (total int64) {
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			if info, err := entry.Info(); err == nil {
				total += info.Size()
			}
		}
		return nil
	})
	return total
}
