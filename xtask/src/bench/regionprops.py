"""Objects of a mask with cc3d and scikit-image: labels, and the measures of `em-cli measure` but for
surfaces and directions. Prints seconds, without imports, and peak memory as JSON.

usage: regionprops.py MASK.tif LABELS.tif      needs: connected-components-3d scikit-image tifffile imagecodecs
"""
import json, resource, sys, time
import cc3d, numpy as np, tifffile
from skimage.measure import regionprops

start = time.perf_counter()
labels = cc3d.connected_components(tifffile.imread(sys.argv[1]), connectivity=26)
rows = [(r.label, r.num_pixels, r.area, r.centroid, r.bbox, r.equivalent_diameter_area,
         r.axis_major_length, r.axis_minor_length) for r in regionprops(labels, spacing=(5, 5, 5))]
tifffile.imwrite(sys.argv[2], labels.astype(np.uint32), compression="deflate", compressionargs={"level": 1})
print(json.dumps(dict(objects=len(rows), seconds=time.perf_counter() - start,
                      peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)))
