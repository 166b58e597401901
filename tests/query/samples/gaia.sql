-- sample: cone search ordered by separation
SELECT *, DISTANCE(81.28, -69.78, ra, dec) AS ang_sep
FROM gaiadr3.gaia_source
WHERE DISTANCE(81.28, -69.78, ra, dec) < 5./60.
AND phot_g_mean_mag < 20.5 AND parallax IS NOT NULL
ORDER BY ang_sep ASC
-- sample: cone search by points
SELECT source_id, DISTANCE(POINT(81.28, -69.78), POINT(ra, dec)) AS ang_sep
FROM gaiadr3.gaia_source
WHERE 1 = CONTAINS(POINT(81.28, -69.78), CIRCLE(ra, dec, 5./60.)) AND phot_g_mean_mag < 20.5
ORDER BY ang_sep
-- sample: cone search in galactic coordinates with products
SELECT source_id, l, b FROM gaiadr3.gaia_source
WHERE DISTANCE(302.95, -43.98, l, b) < 5./60. AND has_epoch_photometry = 'True' AND has_xp_continuous = 'True'
-- sample: cone search, old coordinate systems
SELECT TOP 50 source_id, ra, dec, parallax FROM gaiadr3.gaia_source
WHERE CONTAINS(POINT('ICRS', gaiadr3.gaia_source.ra, gaiadr3.gaia_source.dec), CIRCLE('ICRS', 81.28, -69.78, 0.5)) = 1
-- sample: box
SELECT source_id, ra, dec FROM gaiadr3.gaia_source WHERE 1 = CONTAINS(POINT('ICRS', ra, dec), BOX('ICRS', 81.28, -69.78, 2, 1))
-- sample: polygon
SELECT source_id FROM gaiadr3.gaia_source
WHERE 1 = CONTAINS(POINT('ICRS', ra, dec), POLYGON('ICRS', 80, -71, 84, -71, 84, -68, 80, -68))
-- sample: rectangle with 2MASS neighbours
SELECT gaia.source_id, gaia.phot_g_mean_mag, tm.j_m, xm.angular_distance
FROM gaiadr3.gaia_source AS gaia
JOIN gaiadr3.tmass_psc_xsc_best_neighbour AS xm USING (source_id)
JOIN gaiadr3.tmass_psc_xsc_join AS xj USING (clean_tmass_psc_xsc_oid)
JOIN gaiadr1.tmass_original_valid AS tm ON xj.original_psc_source_id = tm.designation
WHERE gaia.ra BETWEEN 78 AND 84 AND gaia.dec BETWEEN -72 AND -66
-- sample: bright sources in two releases
SELECT dr2.source_id AS dr2_source_id, dr3.source_id, dr2.phot_g_mean_mag - dr3.phot_g_mean_mag AS dg
FROM gaiadr2.gaia_source AS dr2
INNER JOIN gaiadr3.dr2_neighbourhood AS n ON dr2.source_id = n.dr2_source_id
INNER JOIN gaiadr3.gaia_source AS dr3 ON dr3.source_id = n.dr3_source_id
WHERE dr2.phot_g_mean_mag < 15
-- sample: cross match with Hipparcos
SELECT TOP 20 hip.hip, gaia.source_id, DISTANCE(POINT(hip.ra, hip.de), POINT(gaia.ra, gaia.dec)) AS d
FROM public.hipparcos AS hip
JOIN gaiadr3.gaia_source AS gaia ON 1 = CONTAINS(POINT(hip.ra, hip.de), CIRCLE(gaia.ra, gaia.dec, 0.01))
-- sample: cross match with proper motions brought to another epoch
SELECT hip.hip, gaia.source_id,
  DISTANCE(POINT(hip.ra, hip.de), POINT(gaia.ra - gaia.pmra / 3600000.0 / COS(RADIANS(gaia.dec)) * (gaia.ref_epoch - 1991.25),
    gaia.dec - gaia.pmdec / 3600000.0 * (gaia.ref_epoch - 1991.25))) * 3600 AS arcsec
FROM gaiadr3.gaia_source gaia, public.hipparcos hip
WHERE gaia.phot_g_mean_mag < 16 AND ABS(hip.de - gaia.dec) < 0.05
-- sample: means per HEALPix cell
SELECT hpx, COUNT(*) AS n, AVG(astrometric_n_good_obs_al) AS avg_n
FROM (SELECT GAIA_HEALPIX_INDEX(6, source_id) AS hpx, astrometric_n_good_obs_al FROM gaiadr3.gaia_source) AS q
GROUP BY hpx ORDER BY n DESC
-- sample: HEALPix cells by integer division
SELECT source_id / 8796093022208 AS healpix_8, COUNT(*) AS n, AVG(parallax) AS p
FROM gaiadr3.gaia_source GROUP BY source_id / 8796093022208
-- sample: colour-magnitude histogram
SELECT bp_rp_index / 40.0 AS bp_rp, g_abs_index / 10.0 AS g_abs, n
FROM (SELECT FLOOR(bp_rp * 40) AS bp_rp_index, FLOOR((phot_g_mean_mag + 5 * LOG10(parallax) - 10) * 10) AS g_abs_index, COUNT(*) AS n
  FROM gaiadr3.gaia_source
  WHERE parallax_over_error > 5 AND bp_rp IS NOT NULL AND parallax > 0 AND ruwe < 1.4
  GROUP BY bp_rp_index, g_abs_index) AS subquery
ORDER BY n DESC
-- sample: colours corrected for extinction
SELECT ROUND(phot_g_mean_mag - ag_gspphot + 5 * LOG10(parallax / 100), 2) AS g_abs, ROUND(bp_rp - ebpminrp_gspphot, 2) AS bp_rp0
FROM gaiadr3.gaia_source JOIN gaiadr3.astrophysical_parameters AS ap USING (source_id)
WHERE parallax > 0.1 AND ap.classprob_dsc_combmod_star > 0.5
-- sample: high velocity stars
SELECT TOP 100 source_id, 4.74047 * SQRT(POWER(pmra, 2) + POWER(pmdec, 2)) / parallax AS v_tan
FROM gaiadr3.gaia_source WHERE parallax / parallax_error > 10 AND radial_velocity IS NOT NULL ORDER BY v_tan DESC
-- sample: nearby stars with good astrometry
SELECT source_id, designation, ra, dec, 1000.0 / parallax AS parsec FROM gaiadr3.gaia_source
WHERE parallax >= 5 AND ruwe < 1.4 AND visibility_periods_used > 8 AND phot_bp_rp_excess_factor < 1.3 + 0.06 * POWER(bp_rp, 2)
-- sample: variables by class
WITH rr AS (SELECT source_id, pf FROM gaiadr3.vari_rrlyrae WHERE pf BETWEEN 0.4 AND 0.8)
SELECT g.source_id, g.phot_g_mean_mag, rr.pf FROM rr JOIN gaiadr3.gaia_source AS g ON g.source_id = rr.source_id ORDER BY rr.pf
-- sample: orbits in order of period
SELECT source_id, ra, dec, parallax, period, inclination, eccentricity FROM gaiadr3.nss_two_body_orbit ORDER BY period DESC
-- sample: random subset
SELECT source_id, ra FROM gaiadr3.gaia_source WHERE random_index BETWEEN 0 AND 100 AND designation LIKE 'Gaia DR3 %' ORDER BY random_index OFFSET 5
-- sample: names in any case
SELECT LOWER(designation) AS d, UPPER(designation) || '!' AS u, COALESCE(radial_velocity, -9999) AS rv, CAST(phot_g_mean_mag AS INTEGER) AS g
FROM gaiadr3.gaia_source WHERE designation ILIKE 'gaia dr3%'
-- sample: sources in one release or the other
SELECT source_id FROM gaiadr3.gaia_source WHERE phot_g_mean_mag < 12 UNION SELECT source_id FROM gaiadr2.gaia_source WHERE phot_g_mean_mag < 12
-- sample: propagation by a function of the archive
SELECT source_id, ESDC_EPOCH_PROP(ra, dec, parallax, pmra, pmdec, radial_velocity, ref_epoch, 2000) AS p FROM gaiadr3.gaia_source
