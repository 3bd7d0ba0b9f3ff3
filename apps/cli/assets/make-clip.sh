#!/bin/sh
# Makes clip.mp4, the picture of `moqb demo`: 8 s of ffmpeg's test card with a counting clock and a beep, 8 groups of
# 30 frames, one frame per fragment. Picture and sound are exactly equally long (240 frames at 30 Hz, 375 AAC frames at
# 48 kHz), so that the loop has no seam. Sound is encoded on its own because ffmpeg would shift it by its
# priming, and boxed before the cut, or moov would lack the decoder's configuration.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ffmpeg -loglevel error -f lavfi -i testsrc=size=384x216:rate=30 -t 8 -c:v libx264 -preset veryslow -crf 31 \
  -pix_fmt yuv420p -profile:v main -g 30 -keyint_min 30 -sc_threshold 0 -bf 0 -flags:v +bitexact "$work/v.mp4"
ffmpeg -loglevel error -f lavfi -i sine=frequency=330:sample_rate=48000:beep_factor=2 -t 8 -frames:a 375 \
  -c:a aac -b:a 24k -ac 1 -flags:a +bitexact "$work/a.aac"
ffmpeg -loglevel error -i "$work/a.aac" -c copy "$work/a.m4a"
ffmpeg -loglevel error -y -i "$work/v.mp4" -i "$work/a.m4a" -map 0:v -map 1:a -c copy -map_metadata -1 -fflags +bitexact \
  -movflags frag_every_frame+empty_moov+default_base_moof+omit_tfhd_offset clip.mp4
