// Reads a PNG (base64) and finds 256 colours for it: those that are most seen, each other pixel the nearest of them.
async (png) => {
  const picture = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob());
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  const pen = canvas.getContext("2d");
  pen.drawImage(picture, 0, 0);
  const all = new Uint32Array(pen.getImageData(0, 0, picture.width, picture.height).data.buffer);
  const seen = new Map();
  for (const colour of all) seen.set(colour, (seen.get(colour) ?? 0) + 1);
  const parts = (colour) => [colour & 255, (colour >> 8) & 255, (colour >> 16) & 255];
  const apart = (a, b) => (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2;
  const ranked = [...seen].sort((a, b) => b[1] - a[1]).map(([colour]) => colour);
  // First what covers most; then what is far from all that is chosen, so that a rare accent is not lost.
  const chosen = ranked.slice(0, 176);
  const kept = chosen.map(parts);
  for (let far = 900; far >= 25 && chosen.length < 256; far /= 2) {
    for (const colour of ranked) {
      if (chosen.length === 256) break;
      const own = parts(colour);
      if (kept.every((one) => apart(one, own) > far)) {
        chosen.push(colour);
        kept.push(own);
      }
    }
  }
  const nearest = new Map(chosen.map((colour, place) => [colour, place]));
  const place = (colour) => {
    if (!nearest.has(colour)) {
      const own = parts(colour);
      let best = 0;
      for (let at = 1; at < kept.length; at++) if (apart(kept[at], own) < apart(kept[best], own)) best = at;
      nearest.set(colour, best);
    }
    return nearest.get(colour);
  };
  const packed = (bytes) => {
    let text = "";
    for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
    return btoa(text);
  };
  return JSON.stringify({
    width: picture.width,
    palette: packed(Uint8Array.from(kept.flat())),
    pixels: packed(Uint8Array.from(all, place)),
  });
}
