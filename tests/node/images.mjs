// What OHIF knows of the images: Cornerstone's metadata modules, from the headers of DICOM files.
import fs from 'node:fs';
import dcmjs from 'dcmjs';

const { DicomMessage, DicomMetaDictionary } = dcmjs.data;
const first = (value) => (Array.isArray(value) ? value[0] : value);

export function readDataset(path) {
  const bytes = fs.readFileSync(path);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  const message = DicomMessage.readFile(buffer, { ignoreErrors: true });
  const dataset = DicomMetaDictionary.naturalizeDataset(message.dict);
  dataset._meta = DicomMetaDictionary.namifyDataset(message.meta);
  return dataset;
}

function plane(dataset, frame) {
  const shared = first(dataset.SharedFunctionalGroupsSequence);
  const own = frame === null ? null : dataset.PerFrameFunctionalGroupsSequence[frame];
  const group = (name) => first(own?.[name]) ?? first(shared?.[name]) ?? dataset;
  return {
    position: group('PlanePositionSequence').ImagePositionPatient.map(Number),
    orientation: group('PlaneOrientationSequence').ImageOrientationPatient.map(Number),
    spacing: group('PixelMeasuresSequence').PixelSpacing.map(Number),
  };
}

export class Images {
  constructor(paths) {
    this.byId = new Map();
    this.idByFrame = {};
    for (const path of paths) this.add(readDataset(path));
  }

  add(dataset) {
    const frames = dataset.PerFrameFunctionalGroupsSequence?.length;
    for (let number = 1; number <= (frames ?? 1); number += 1) {
      const id = `test:${dataset.SOPInstanceUID}?frame=${number}`;
      this.byId.set(id, { dataset, number, ...plane(dataset, frames ? number - 1 : null) });
      this.idByFrame[`${dataset.SOPInstanceUID}:${number}`] = id;
      if (number === 1) this.idByFrame[dataset.SOPInstanceUID] = id;
    }
  }

  get(type, id) {
    const image = this.byId.get(id);
    if (image === undefined) return undefined;
    const { dataset, number, position, orientation, spacing } = image;
    switch (type) {
      case 'imagePlaneModule':
        return {
          frameOfReferenceUID: dataset.FrameOfReferenceUID,
          rows: dataset.Rows,
          columns: dataset.Columns,
          imageOrientationPatient: orientation,
          rowCosines: orientation.slice(0, 3),
          columnCosines: orientation.slice(3),
          imagePositionPatient: position,
          pixelSpacing: spacing,
          rowPixelSpacing: spacing[0],
          columnPixelSpacing: spacing[1],
        };
      case 'sopCommonModule':
        return { sopInstanceUID: dataset.SOPInstanceUID, sopClassUID: dataset.SOPClassUID };
      case 'generalSeriesModule':
        return {
          modality: dataset.Modality,
          seriesInstanceUID: dataset.SeriesInstanceUID,
          studyInstanceUID: dataset.StudyInstanceUID,
        };
      case 'instance':
        return dataset;
      case 'frameNumber':
        return number;
      default:
        return undefined;
    }
  }
}
