// Usage: node annotate.mjs DRAWINGS.json OUT.dcm IMAGE.dcm ...
// Writes the structured report that OHIF's own adapters make of lines and points.
// DRAWINGS: [{"tool": "Length", "label": "IFS-L", "points": [[x, y, z], ...], "image": UID,
//             "frame": 1, "length": mm}]
import fs from 'node:fs';
import './browser.mjs';
import { Images } from './images.mjs';

const dcmjs = (await import('dcmjs')).default;
const { adaptersSR } = await import('@cornerstonejs/adapters');
const { metaData } = await import('@cornerstonejs/core');

const [drawings, out, ...paths] = process.argv.slice(2);
const images = new Images(paths);
metaData.addProvider((type, id) => images.get(type, id), 1000);

const state = {};
for (const drawn of JSON.parse(fs.readFileSync(drawings, 'utf-8'))) {
  const id = images.idByFrame[`${drawn.image}:${drawn.frame ?? 1}`];
  const tool = {
    data: {
      label: drawn.label,
      handles: { points: drawn.points, textBox: {} },
      cachedStats: { [`imageId:${id}`]: { length: drawn.length, unit: 'mm' } },
    },
    metadata: {
      referencedImageId: id,
      toolName: drawn.tool,
      FrameOfReferenceUID: images.get('imagePlaneModule', id).frameOfReferenceUID,
    },
  };
  state[id] ??= {};
  state[id][drawn.tool] ??= { data: [] };
  state[id][drawn.tool].data.push(tool);
}
const report = adaptersSR.Cornerstone3D.MeasurementReport.generateReport(state, images, {});
fs.writeFileSync(out, Buffer.from(dcmjs.data.datasetToDict(report.dataset).write()));
