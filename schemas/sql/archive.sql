-- Rows of the archive with what the files leave out because it follows from other columns.
-- FROM tidegate('data/archive/**/*.parquet')
CREATE OR REPLACE MACRO tidegate(files) AS TABLE
SELECT
    * EXCLUDE (summed, sum, sum_digits, sum_scale, min, max, first, last, last_offset_ms),
    summed AS sum,
    CASE WHEN count = 1 THEN coalesce(min, summed) ELSE min END AS min,
    CASE WHEN count = 1 THEN coalesce(max, summed) ELSE max END AS max,
    CASE WHEN count = 1 AND kind = 'float' THEN coalesce(first, summed) ELSE first END AS first,
    CASE WHEN count = 1 AND kind = 'float' THEN coalesce(last, summed) ELSE last END AS last,
    coalesce(last_offset_ms, first_offset_ms) AS last_offset_ms
FROM (
    SELECT *, coalesce(sum, sum_digits / pow(10, sum_scale)) AS summed
    FROM read_parquet(files, hive_partitioning = true)
);
