-- sample: stars of one cone with fluxes in all bands
SELECT objectId, coord_ra, coord_dec, detect_isPrimary, u_calibFlux, 376 AS u_wave, g_calibFlux, 427 AS g_wave, r_calibFlux, 628 AS r_wave
FROM dp02_dc2_catalogs.Object
WHERE CONTAINS(POINT('ICRS', coord_ra, coord_dec), CIRCLE('ICRS', 62, -37, 1)) = 1
  AND detect_isPrimary = 1 AND u_calibFlux > 360 AND u_extendedness = 0 AND g_calibFlux > 360 AND g_extendedness = 0
-- sample: galaxies of a small cone
SELECT coord_dec, coord_ra, refExtendedness, g_cModelFlux, r_cModelFlux FROM dp02_dc2_catalogs.Object
WHERE CONTAINS(POINT('ICRS', coord_ra, coord_dec), CIRCLE('ICRS', 62, -37, 0.167)) =1
  AND (detect_isPrimary =1 AND refExtendedness =1 AND g_cModelFlux >360 AND r_cModelFlux >360)
-- sample: colour-magnitude diagram of a field
SELECT obj.objectId, obj.coord_ra, -2.5*log10(obj.i_cModelFlux)+31.4 as i_mag_cmodel,
  -2.5*log10(obj.g_gaapOptimalFlux/i_gaapOptimalFlux) as gi_color_gaap
FROM dp02_dc2_catalogs.Object AS obj
WHERE (obj.detect_isPrimary = 1) AND (obj.refExtendedness = 1) AND (obj.i_cModelFlux/obj.i_cModelFluxErr > 20)
  AND (obj.g_cModelFlux > 0) AND (obj.i_cModelFlux > 0)
  AND CONTAINS(POINT('ICRS', obj.coord_ra, obj.coord_dec), CIRCLE('ICRS',62,-37, 0.1)) = 1
-- sample: magnitudes by the archive's function
SELECT TOP 10 objectId, scisql_nanojanskyToAbMag(g_cModelFlux) AS gmag FROM dp02_dc2_catalogs.Object
-- sample: first rows
SELECT TOP 100 * FROM dp02_dc2_catalogs.Object
-- sample: how many objects
SELECT COUNT(*) FROM dp02_dc2_catalogs.Object
-- sample: light curve of one object
SELECT src.band, src.ccdVisitId, src.coord_ra, src.coord_dec, src.objectId, src.psfFlux, src.psfFluxErr, visinfo.expMidptMJD
FROM dp02_dc2_catalogs.ForcedSource AS src
JOIN dp02_dc2_catalogs.CcdVisit AS visinfo ON visinfo.ccdVisitId = src.ccdVisitId
WHERE src.objectId = 1005 AND src.band = 'r' ORDER BY visinfo.expMidptMJD
-- sample: difference image objects with many detections
SELECT diaObjectId, ra, decl, nDiaSources FROM dp02_dc2_catalogs.DiaObject
WHERE nDiaSources > 10 AND CONTAINS(POINT('ICRS', ra, decl), CIRCLE('ICRS', 62, -37, 2)) = 1
-- sample: difference image sources of an object
SELECT s.diaSourceId, s.midPointTai, s.psFlux, s.filterName FROM dp02_dc2_catalogs.DiaSource s
JOIN dp02_dc2_catalogs.DiaObject o ON s.diaObjectId = o.diaObjectId WHERE o.nDiaSources > 5 ORDER BY s.midPointTai
-- sample: truth matches of true stars
SELECT mt.id_truth_type AS mt_id_truth_type, mt.match_objectId, ts.ra AS ts_ra, ts.truth_type AS ts_type, obj.coord_ra AS obj_coord_ra
FROM dp02_dc2_catalogs.MatchesTruth AS mt
JOIN dp02_dc2_catalogs.TruthSummary AS ts ON mt.id_truth_type = ts.id_truth_type
JOIN dp02_dc2_catalogs.Object AS obj ON mt.match_objectId = obj.objectId
WHERE CONTAINS(POINT('ICRS', obj.coord_ra, obj.coord_dec), CIRCLE('ICRS', 62.0, -37.0, 0.10)) = 1
  AND ts.truth_type = 2 AND obj.detect_isPrimary = 1
-- sample: visits that cover a place
SELECT ccdVisitId, visitId, band, seeing, obsStartMJD FROM dp02_dc2_catalogs.CcdVisit
WHERE CONTAINS(POINT('ICRS', ra, decl), CIRCLE('ICRS', 62, -37, 1)) = 1 AND band IN ('g', 'r', 'i') AND obsStartMJD BETWEEN 59000 AND 60000
-- sample: a polygon of objects
SELECT objectId FROM dp1.Object
WHERE CONTAINS(POINT('ICRS', coord_ra, coord_dec), POLYGON('ICRS', 61.5, -37.5, 62.5, -37.5, 62.5, -36.5, 61.5, -36.5)) = 1
-- sample: stars of DP1 by colour
SELECT coord_ra, coord_dec, g_psfMag, r_psfMag, g_psfMag - r_psfMag AS gr FROM dp1.Object
WHERE CONTAINS(POINT('ICRS', coord_ra, coord_dec), CIRCLE('ICRS', 62, -37, 1.0)) = 1
  AND refExtendedness = 0 AND g_psfMag < 24 AND r_psfFlux / r_psfFluxErr > 10
ORDER BY g_psfMag
-- sample: statistics of solar system objects
SELECT COUNT(numObs), MIN(numObs), MAX(numObs), AVG(numObs), SUM(numObs) FROM dp03_catalogs_10yr.SSObject
-- sample: orbits of solar system objects
SELECT mpc.ssObjectID, mpc.e, mpc.incl, mpc.q, mpc.q / (1 - mpc.e) AS a, sso.numObs
FROM dp03_catalogs_10yr.MPCORB AS mpc INNER JOIN dp03_catalogs_10yr.SSObject AS sso ON mpc.ssObjectID = sso.ssObjectID
WHERE mpc.e < 1 AND sso.numObs > 10 AND mpc.q / (1 - mpc.e) BETWEEN 2 AND 4
-- sample: tables of the archive
SELECT * FROM tap_schema.schemas
