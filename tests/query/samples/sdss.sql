-- sample: basic select from where
SELECT objID, ra, dec FROM PhotoPrimary WHERE ra > 185 and ra < 185.1 AND dec > 15 and dec < 15.1
-- sample: basic position search
-- everything in a small box
SELECT TOP 100 objID, ra, [dec] FROM PhotoPrimary WHERE ra BETWEEN 184.9 AND 185.1 AND dec BETWEEN -0.6 AND -0.4
-- sample: galaxies of one run
SELECT TOP 1000 run, camCol, rerun, field, objID, u, g, r, i, z FROM Galaxy WHERE u BETWEEN 0 AND 19.6 AND g BETWEEN 0 AND 20
-- sample: galaxies with two criteria
SELECT TOP 1000 objID
FROM Galaxy
WHERE
    r < 22          -- bright enough
    AND extinction_r > 0.175   /* and dusty */
-- sample: unclassified spectra
SELECT TOP 100 specObjID FROM SpecObj WHERE class = 'UNKNOWN'
-- sample: galaxies with many criteria
SELECT TOP 10 G.objID, G.ra, G.dec, GN.distance
FROM Galaxy AS G
JOIN dbo.fGetNearbyObjEq(185., -0.5, 3) AS GN ON G.objID = GN.objID
WHERE (G.flags & dbo.fPhotoFlags('saturated')) = 0
-- sample: radial search ordered by distance
SELECT TOP 100 G.objID, GN.distance
FROM Galaxy as G, dbo.fGetNearbyObjEq(185, -0.5, 1) as GN
WHERE G.objID = GN.objID
ORDER BY distance
-- sample: spatial unit vectors
SELECT TOP 100 objID, ra, dec FROM PhotoTag
WHERE (-0.642788 * cx + 0.766044 * cy >= 0) AND (-0.984808 * cx - 0.173648 * cy < 0)
-- sample: cataclysmic variables by colors
SELECT run, camCol, rerun, field, objID, u, g, r, i, z, ra, dec
FROM Star
WHERE u - g < 0.4 and g - r < 0.7 and r - i > 0.4 and i - z > 0.4
-- sample: cataclysmic variables with spectra
SELECT TOP 100 s.plate, s.mjd, s.fiberid, p.u, p.g, p.r, p.i, p.z
FROM PhotoObj AS p JOIN SpecObj AS s ON s.bestobjid = p.objid
WHERE p.u - p.g < 0.4 AND p.g - p.r < 0.7 AND p.r - p.i > 0.4 AND p.i - p.z > 0.4
-- sample: quasars by spectroscopy
SELECT TOP 100 z, zErr, plate, mjd, fiberID FROM SpecObj WHERE class = 'QSO' AND zWarning = 0 AND z BETWEEN 0.3 AND 0.4
-- sample: spectra by class and redshift with photometry
SELECT TOP 10 p.objid, p.ra, p.dec, p.u, p.g, p.r, p.i, p.z, p.run, p.rerun, p.camcol, p.field,
   s.specobjid, s.class, s.z as redshift, s.plate, s.mjd, s.fiberid
FROM PhotoObj AS p
   JOIN SpecObj AS s ON s.bestobjid = p.objid
WHERE p.u BETWEEN 0 AND 19.6 AND g BETWEEN 0 AND 20
-- sample: quasars by colors
SELECT TOP 100 g, run, rerun, camcol, field, objID
FROM Galaxy
WHERE ( (g <= 22)
  AND (u - g >= -0.27) AND (u - g < 0.71)
  AND (g - r >= -0.24) AND (g - r < 0.35)
  AND (r - i >= -0.27) AND (r - i < 0.57)
  AND (i - z >= -0.35) AND (i - z < 0.70) )
-- sample: galaxies blended
SELECT TOP 10 objID, ra, dec FROM PhotoObj WHERE flags & dbo.fPhotoFlags('BLENDED') > 0
-- sample: none of several flags
SELECT top 10 objid, flags FROM PhotoTag
WHERE ( flags & (dbo.fPhotoFlags('NODEBLEND') + dbo.fPhotoFlags('BINNED1') + dbo.fPhotoFlags('BINNED2')) ) = 0
-- sample: all of several flags
SELECT top 10 objid, flags FROM PhotoTag
WHERE ( flags & (dbo.fPhotoFlags('NODEBLEND') | dbo.fPhotoFlags('BINNED1')) )
    = ( dbo.fPhotoFlags('NODEBLEND') | dbo.fPhotoFlags('BINNED1') )
-- sample: a flag by its mask
SELECT TOP 10 objID, ra, dec, flags FROM PhotoObj WHERE (flags & 0x0000000000000008) <> 0
-- sample: moving asteroids
SELECT TOP 100 objID, sqrt( rowv * rowv + colv * colv ) as velocity
FROM PhotoObj
WHERE (rowv * rowv + colv * colv) BETWEEN 50 AND 1000 AND rowv >= 0 AND colv >= 0
-- sample: fast moving pairs
SELECT r.objID as rId, g.objId as gId, r.ra, r.dec, g.ra, g.dec
FROM PhotoObj as r, PhotoObj as g
WHERE r.run = g.run AND r.camcol = g.camcol AND abs(g.field - r.field) <= 1
  AND ((power(r.q_r, 2) + power(r.u_r, 2)) > 0.111111)
  AND r.fiberMag_r BETWEEN 6 AND 22 AND r.fiberMag_r < r.fiberMag_u
  AND g.fiberMag_g BETWEEN 6 AND 22 AND g.fiberMag_g < g.fiberMag_u
  AND sqrt(power(r.cx - g.cx, 2) + power(r.cy - g.cy, 2) + power(r.cz - g.cz, 2)) * (10800 / PI()) < 4.0
-- sample: low redshift luminous red galaxies
SELECT TOP 100 run, camCol, rerun, field, objID, ra, dec
FROM Galaxy
WHERE ( ( flags & (dbo.fPhotoFlags('BINNED1') | dbo.fPhotoFlags('BINNED2') | dbo.fPhotoFlags('BINNED4')) ) > 0
    and ( flags & (dbo.fPhotoFlags('BLENDED') | dbo.fPhotoFlags('NODEBLEND') | dbo.fPhotoFlags('CHILD')) )
        != dbo.fPhotoFlags('BLENDED')
    and ( flags & (dbo.fPhotoFlags('EDGE') | dbo.fPhotoFlags('SATURATED')) ) = 0
    and petroMag_i > 17.5
    and (petroMag_r > 15.5 or petroR50_r > 2)
    and (petroMag_r > 0 and g > 0 and r > 0 and i > 0)
    and ( (petroMag_r - extinction_r) < 19.2
      and (petroMag_r - extinction_r < (13.1 + (7 / 3) * (dered_g - dered_r) + 4 * (dered_r - dered_i) - 4 * 0.18))
      and ((dered_r - dered_i - (dered_g - dered_r) / 4 - 0.18) < 0.2)
      and (petroMag_r - extinction_r + 2.5 * LOG10(2 * 3.1415 * petroR50_r * petroR50_r)) < 24.2 ) )
-- sample: diameter limited galaxies
SELECT TOP 100 run, camCol, rerun, field, objID, ra, dec
FROM Galaxy
WHERE ( flags & (dbo.fPhotoFlags('BINNED1') | dbo.fPhotoFlags('BINNED2') | dbo.fPhotoFlags('BINNED4')) ) > 0
  AND ( ( ( flags & dbo.fPhotoFlags('NOPETRO') ) = 0 AND petroRad_i > 15 )
     OR ( ( flags & dbo.fPhotoFlags('NOPETRO') ) > 0 AND petroRad_i > 7.5 )
     OR ( ( flags & dbo.fPhotoFlags('TOO_LARGE') ) > 0 AND petroRad_i > 2.5 ) )
-- sample: clean photometry of stars
SELECT TOP 10 u, g, r, i, z, ra, dec, flags_r
FROM Star
WHERE ra BETWEEN 180 and 181 AND dec BETWEEN -0.5 and 0.5
  AND ((flags_r & 0x10000000) != 0)
  AND ((flags_r & 0x8100000c00a4) = 0)
  AND (((flags_r & 0x400000000000) = 0) or (psfmagerr_r <= 0.2))
  AND (((flags_r & 0x100000000000) = 0) or (flags_r & 0x1000) = 0)
-- sample: clean photometry of galaxies
SELECT TOP 10 objid, ra, dec, modelMag_r - extinction_r AS r0
FROM Galaxy
WHERE clean = 1 AND modelMag_r - extinction_r BETWEEN 14 AND 20
  AND ((flags & dbo.fPhotoFlags('BINNED1')) != 0)
  AND ((flags & dbo.fPhotoFlags('SATUR_CENTER')) = 0)
-- sample: binary white dwarfs
SELECT TOP 100 run, camCol, rerun, field, objID, u, g, r, i, z, ra, dec
FROM Star
WHERE u - g < 0.4 and g - r < 0.7 and r - i > 0.4 and i - z > 0.4 and g < 21
-- sample: white dwarf candidates near each other
SELECT TOP 10 P.objID, N.NeighborObjID, N.distance
FROM PhotoObj P
JOIN Neighbors N ON P.objID = N.objID
WHERE P.type = dbo.fPhotoType('Star') AND N.NeighborType = dbo.fPhotoType('STAR') AND P.u - P.g < 0.4 AND P.objID < N.NeighborObjID
-- sample: lens pairs of like color
SELECT TOP 10 P.ObjID
FROM PhotoPrimary AS P
JOIN Neighbors AS N ON P.ObjID = N.ObjID
JOIN PhotoPrimary AS L ON L.ObjID = N.NeighborObjID
WHERE P.ObjID < L.ObjID
  and abs((P.u-P.g)-(L.u-L.g)) < 0.05 and abs((P.g-P.r)-(L.g-L.r)) < 0.05
  and abs((P.r-P.i)-(L.r-L.i)) < 0.05 and abs((P.i-P.z)-(L.i-L.z)) < 0.05
-- sample: galaxies with neighbors counted
SELECT G.objID, count(*) as n
FROM Galaxy AS G JOIN Neighbors AS N ON G.objID = N.objID
WHERE N.neighborType = dbo.fPhotoType('Galaxy')
GROUP BY G.objID
HAVING count(*) > 1
ORDER BY n DESC
-- sample: spectra of galaxies with photometry, older names
SELECT TOP 100 s.specObjID, s.z, s.zErr, g.petroMag_r AS [petro r]
FROM BESTDR9..Galaxy g, BESTDR9..SpecObj s
WHERE g.objID = s.bestObjID AND s.zWarning = 0 AND s.class = 'GALAXY'
-- sample: star forming galaxies by line ratios
SELECT TOP 100 s.plate, s.fiberid, s.mjd, s.z, s.zwarning, g.h_beta_flux, g.h_alpha_flux
FROM GalSpecLine AS g JOIN SpecObj AS s ON s.specobjid = g.specobjid
WHERE h_alpha_flux > h_alpha_flux_err*5 AND h_beta_flux > h_beta_flux_err*5
  AND h_beta_flux_err > 0 AND h_alpha_flux > 10.*h_beta_flux AND s.class = 'GALAXY' AND s.zwarning = 0
-- sample: balmer decrement
SELECT TOP 100 s.plate, s.mjd, s.fiberid, ratio = g.h_alpha_flux / g.h_beta_flux, ew = g.h_alpha_eqw
FROM galSpecLine g INNER JOIN SpecObjAll s ON g.specObjID = s.specObjID
WHERE g.h_beta_flux > 0 ORDER BY ratio DESC
-- sample: galaxy zoo spirals
SELECT TOP 100 p.objid, p.ra, p.dec, p.u, p.g, p.r, p.i, p.z
FROM PhotoObj AS p JOIN SpecObj AS s ON p.objID = s.bestObjID JOIN zooSpec AS zs ON s.specobjid = zs.specobjid
WHERE zs.p_cs_debiased > 0.8 AND zs.uncertain = 0
-- sample: galaxy zoo ellipticals counted by redshift
SELECT floor(s.z / 0.1) * 0.1 AS zbin, COUNT(*) AS n, AVG(zs.p_el_debiased) AS p
FROM zooSpec zs JOIN SpecObj s ON zs.specobjid = s.specobjid
GROUP BY floor(s.z / 0.1) * 0.1
ORDER BY zbin
-- sample: average photometry of galaxies
SELECT AVG(p.modelMag_u) AS [mean u], AVG(modelMag_r) 'mean r', stdev(modelMag_r) AS sd FROM Galaxy p WHERE p.clean = 1
-- sample: number of each type
SELECT dbo.fPhotoTypeN(type) AS what, count(*) AS n FROM PhotoObjAll GROUP BY type ORDER BY n DESC
-- sample: objects per field
SELECT f.run, f.camcol, f.field, count_big(p.objid) AS n
FROM Field f LEFT OUTER JOIN PhotoObjAll p ON p.fieldID = f.fieldID
GROUP BY f.run, f.camcol, f.field
ORDER BY f.run, f.camcol, f.field
-- sample: fields of good seeing
SELECT TOP 10 run, rerun, camcol, field, psfWidth_r FROM Field WHERE psfWidth_r < 1.5 AND quality = 3 ORDER BY psfWidth_r
-- sample: galaxy counts per square degree
SELECT cast((ra - 180) / 5 as int) AS cell, count(*) AS pop FROM Galaxy WHERE r < 22 GROUP BY cast((ra - 180) / 5 as int)
-- sample: stars measured more than once
SELECT TOP 100 min(objID) AS one, max(objID) AS other, count(*) AS n, str(avg(psfMag_r), 8, 3) AS r
FROM PhotoObjAll WHERE type = 6 GROUP BY thingId HAVING count(*) > 1
-- sample: repeat spectra of a plate
SELECT plate, mjd, count(*) AS n FROM SpecObjAll GROUP BY plate, mjd HAVING count(*) > 1 ORDER BY plate, mjd
-- sample: splitting a 64-bit value
SELECT TOP 10 objID, (objID / 4294967296) AS [high part], (objID % 4294967296) AS [low part],
  str(flags & 0xFFFFFFFF, 12) AS flag_text
FROM PhotoObj
-- sample: parts of an objID
SELECT TOP 10 objID, run = dbo.fRun(objID), camcol = dbo.fCamcol(objID), field = dbo.fField(objID), obj = dbo.fObj(objID) FROM PhotoTag
-- sample: left outer join of photometry and spectra
SELECT TOP 100 p.objid, p.ra, p.dec, p.r, isnull(s.z, -9999) AS z, isnull(s.class, 'none') AS class
FROM PhotoPrimary AS p LEFT OUTER JOIN SpecObj AS s ON s.bestObjID = p.objID
WHERE p.r BETWEEN 14 AND 16
-- sample: nested query
SELECT TOP 10 objID, r FROM PhotoObj WHERE objID IN (SELECT bestObjID FROM SpecObj WHERE class = 'QSO' AND z > 0.3)
-- sample: brighter than the mean
SELECT TOP 10 p.objID, p.r - (SELECT avg(r) FROM Galaxy) AS brighter FROM Galaxy p ORDER BY brighter
-- sample: nearest object
SELECT n.objID, n.run, n.camcol, n.field, n.type, n.distance FROM dbo.fGetNearestObjEq(185, -0.5, 3) n
-- sample: spectra around a place
SELECT s.specObjID, s.plate, s.z, n.distance FROM dbo.fGetNearbySpecObjEq(185, -0.5, 30) AS n JOIN SpecObj s ON s.specObjID = n.specObjID
-- sample: objects in a rectangle
SELECT TOP 10 p.objID, p.type, p.psfMag_r FROM fGetObjFromRect(184.5, 185.5, -1, 0) n, PhotoPrimary p WHERE n.objID = p.objID
-- sample: cross match of a list of one's own
SELECT m.id, n.objID, n.distance FROM mydb.MyObjs m CROSS APPLY dbo.fGetNearbyObjEq(m.ra, m.dec, 3) AS n ORDER BY m.id, n.distance
-- sample: cross match that keeps those without a match
SELECT m.id, n.objID FROM MyDB.dbo.MyObjs AS m OUTER APPLY dbo.fGetNearbyObjEq(m.ra, m.dec, 0.2) AS n ORDER BY m.id
-- sample: nearest match of a list of one's own
SELECT a.id, b.objID FROM MyDB.MyObjs a CROSS APPLY dbo.fGetNearestObjEq(a.ra, a.dec, 1.0) b
-- sample: results into a table of one's own
SELECT TOP 100 objID, ra, dec, r INTO mydb.bright FROM Galaxy WHERE r < 16
-- sample: photometry and redshifts with colors named by equals
SELECT TOP 50 sp.objID, ug = sp.modelMag_u - sp.modelMag_g, gr = sp.modelMag_g - sp.modelMag_r, redshift = sp.z
FROM SpecPhoto sp WITH (NOLOCK)
WHERE sp.class = 'GALAXY' AND sp.modelMag_r < 17.77 AND sp.z > 0.01
-- sample: target selection by primTarget
SELECT TOP 100 p.objID, p.r FROM PhotoPrimary p JOIN SpecObjAll s ON s.bestObjID = p.objID
WHERE (s.primTarget & (dbo.fPrimTarget('TARGET_GALAXY') | dbo.fPrimTarget('GALAXY_BIG'))) != 0
-- sample: boss galaxies
SELECT TOP 100 specObjID, z FROM SpecObjAll WHERE (boss_target1 & dbo.fBossTarget1('GAL_CMASS')) > 0 AND zWarning_noqso = 0
-- sample: histogram of magnitudes
SELECT 0.5 * cast(r / 0.5 as int) AS bin, count(*) AS n FROM PhotoPrimary GROUP BY 0.5 * cast(r / 0.5 as int) ORDER BY bin
-- sample: case by color
SELECT TOP 20 objID, CASE WHEN g - r > 0.7 THEN 'red' WHEN g - r > 0.3 THEN 'green' ELSE 'blue' END AS color,
  iif(type = dbo.fPhotoType('GALAXY'), 'galaxy', 'other') AS kind
FROM PhotoTag WHERE mode = dbo.fPhotoMode('PRIMARY')
-- sample: union of stars and galaxies
SELECT objID, r, 'star' AS what FROM Star WHERE r < 15 UNION ALL SELECT objID, r, 'galaxy' FROM Galaxy WHERE r < 15 ORDER BY r
-- sample: distances of pairs
SELECT TOP 10 a.id, b.id, dbo.fDistanceArcMinEq(a.ra, a.dec, b.ra, b.dec) AS arcmin FROM mydb.MyObjs a, mydb.MyObjs b WHERE a.id < b.id
-- sample: warnings of redshifts
SELECT TOP 10 specObjID, z, zWarning FROM SpecObjAll WHERE zWarning & dbo.fSpecZWarning('SMALL_DELTA_CHI2') != 0 OR zWarning = dbo.fSpecZWarning('OK')
-- sample: variables for flags
DECLARE @saturated bigint
SET @saturated = dbo.fPhotoFlags('SATURATED')
SELECT TOP 10 objID FROM Galaxy WHERE (flags & @saturated) = 0
-- sample: stellar parameters
SELECT TOP 10 p.objid, spp.teffadop, spp.loggadop, spp.fehadop FROM sppParams AS spp JOIN PhotoObjAll p ON spp.bestobjid = p.objid
WHERE spp.fehadop < -1 AND spp.fehadop != -9999 AND spp.loggadop BETWEEN 2 AND 3
-- sample: apogee giants with good parameters
SELECT TOP 100 s.apogee_id, a.teff, a.logg, a.m_h FROM apogeeStar s JOIN aspcapStar a ON a.apstar_id = s.apstar_id
WHERE (a.aspcapflag & 0x800000) = 0 AND a.teff > 0 AND a.logg < 3 ORDER BY a.apogee_id
-- sample: random share of galaxies
SELECT TOP 10 objID FROM Galaxy ORDER BY NEWID()
-- sample: top percent
SELECT TOP 1 PERCENT objID, r FROM Galaxy ORDER BY r
-- sample: url of a spectrum
SELECT TOP 10 dbo.fGetUrlFitsSpectrum(specObjID) AS url FROM SpecObj
-- sample: names of spectra
SELECT TOP 10 'spec-' + right('000' + cast(plate as varchar(4)), 4) + '-' + cast(mjd as varchar(5)) AS [file name] FROM SpecObj
-- sample: nearest other object by a nested query
SELECT a.id, b.objid
FROM MyDB.MyObjs a
CROSS APPLY (SELECT TOP 1 p.objid FROM PhotoPrimary p WHERE p.run = a.id ORDER BY p.r) b
