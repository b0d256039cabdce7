// Usage: node hydrate.mjs REPORT.dcm IMAGE.dcm ...
// Prints, as JSON, the tools that OHIF's own adapters make of a structured report.
import './browser.mjs';
import { Images, readDataset } from './images.mjs';

const { adaptersSR } = await import('@cornerstonejs/adapters');
const { metaData } = await import('@cornerstonejs/core');

const [report, ...paths] = process.argv.slice(2);
const images = new Images(paths);
metaData.addProvider((type, id) => images.get(type, id), 1000);

const { MeasurementReport } = adaptersSR.Cornerstone3D;
const state = MeasurementReport.generateToolState(readDataset(report), images.idByFrame, images);
const tools = [];
for (const [tool, found] of Object.entries(state)) {
  for (const one of found) {
    const { data, metadata } = one.annotation;
    tools.push({
      tool,
      label: data.label,
      points: data.handles.points.map((point) => Array.from(point)),
      length: Object.values(data.cachedStats)[0]?.length ?? null,
      image: metadata.referencedImageId ?? null,
      finding: one.finding?.CodeValue,
      findingSites: one.findingSites.map((site) => site.CodeValue),
    });
  }
}
process.stdout.write(JSON.stringify(tools));
