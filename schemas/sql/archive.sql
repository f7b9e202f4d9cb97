-- Rows of the archive with what the files leave out because it follows from other columns.
-- FROM tidegate('data/archive/*/resolution=5s/**/*.parquet')
CREATE OR REPLACE MACRO tidegate(files) AS TABLE
SELECT
    * EXCLUDE (
        summed, unit, sum, min, max, first, last, increase, last_offset_ms,
        sum_digits, sum_scale, min_digits, max_digits, first_digits, last_digits, increase_digits
    ),
    summed AS sum,
    coalesce(min, min_digits / unit, CASE WHEN count = 1 THEN summed END) AS min,
    coalesce(max, max_digits / unit, CASE WHEN count = 1 THEN summed END) AS max,
    coalesce(first, first_digits / unit, CASE WHEN count = 1 AND kind = 'float' THEN summed END) AS first,
    coalesce(last, last_digits / unit, CASE WHEN count = 1 AND kind = 'float' THEN summed END) AS last,
    coalesce(increase, increase_digits / unit) AS increase,
    coalesce(last_offset_ms, first_offset_ms) AS last_offset_ms
FROM (
    SELECT *, pow(10, sum_scale) AS unit, coalesce(sum, sum_digits / pow(10, sum_scale)) AS summed
    FROM read_parquet(files, hive_partitioning = true)
);
