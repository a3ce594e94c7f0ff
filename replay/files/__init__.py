"""Files wherever they lie: on this machine's disks, or on a store that pyarrow opens."""
