"""Counts the samples in the archive's Parquet files, by series and window: `id window_start_ms samples sum` a line."""

import glob
import sys

import duckdb

files = [file for file in glob.glob(f"{sys.argv[1]}/**/*.parquet", recursive=True) if "/resolution=5s/" in file]
if not files:
    sys.exit()
rows = duckdb.execute(
    """
    SELECT labels['id'], epoch_ms(window_start), sum(samples)::BIGINT,
           sum(coalesce(sum, sum_digits / pow(10, coalesce(sum_scale, 0))))::BIGINT
    FROM read_parquet(?, hive_partitioning = true)
    WHERE name LIKE 'chaos%'
    GROUP BY ALL
    """,
    [files],
)
while batch := rows.fetchmany(10_000):
    sys.stdout.write("".join(f"{series} {start} {samples} {total}\n" for series, start, samples, total in batch))
