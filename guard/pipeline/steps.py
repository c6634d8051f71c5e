"""The steps of the workflow. Each may run twice and then comes to the same end.

What a step makes lies in the job's work folder under a fixed name and appears whole; what it decides lies in the
database. A later step trusts neither memory nor arguments, only those two.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator

import numpy as np
import structlog
from numpy.typing import NDArray

from generator import GenerationRequest
from guard import credentials, fingerprints, marks
from guard.inspection import Inspection, inspect_file
from guard.media import ClipInfo, VideoFile, encode, speech, write_lossless, write_still
from guard.media.files import whole
from guard.pipeline import references, sealing
from guard.pipeline.errors import PipelineError
from guard.pipeline.jobs import Job, VideoJobs
from guard.pipeline.workflow import Outcome
from guard.pipeline.workfolder import WorkFolder, digest_of, intact, noted_of, require
from guard.services import Services
from guard.store import StoreError
from guard.store.models import manifest_key, object_key
from guard.store.releases import NewRelease
from policies import Decision

_log = structlog.get_logger(__name__)

Transform = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]

DONE: Outcome = {"state": "done"}
SAMPLE_SECONDS = 1.0
"""Distance of the frames that the output policy looks at."""
_PROGRESS_EVERY = 0.5


class VideoSteps:
    """The steps over the services of this process."""

    def __init__(self, services: Services, jobs: VideoJobs) -> None:
        self._services = services
        self._jobs = jobs

    def presets(self, video_id: str) -> tuple[str, ...]:
        """The watermark preset that is configured for what the job makes, and the next stronger one."""
        still = self._jobs.load(video_id).still
        first = self._services.picture_preset if still else self._services.mark_preset
        second = marks.stronger(first)
        return (first,) if second is None else (first, second)

    def examine_inputs(self, video_id: str) -> Outcome:
        """The input policy on the picture that the request brought, as the model will see it."""
        self._jobs.start(video_id)
        job = self._jobs.load(video_id)
        if not job.has_reference:
            return DONE
        if job.hold == "input":  # by this step, whose end was not recorded
            return self._held(job)
        pixels = references.kept(self._folder(video_id))
        if self._jobs.approved(video_id, "input"):
            return DONE
        judge = self._services.judge
        return self._decided(job, judge.judge_frames([pixels], stage="input", context=job.context))

    def _decided(self, job: Job, decision: Decision) -> Outcome:
        decision_id = self._jobs.decide(job, decision)
        if decision.sealed:
            self._seal(job, decision, decision_id)
        if decision.action == "review":
            self._jobs.hold(job, decision, decision_id)
            sealing.hide(self._services, job.id)
            return {"state": "held", "code": decision.reason}
        if decision.action == "block":
            return {"state": "failed", "code": "moderation_blocked", "message": decision.user_text["en"]}
        return DONE

    def _held(self, job: Job) -> Outcome:
        sealing.hide(self._services, job.id)
        return {"state": "held", "code": f"held.{job.hold}"}

    def _seal(self, job: Job, decision: Decision, decision_id: str) -> None:
        with self._services.database.write() as session:
            sealing.seal(
                self._services,
                session,
                tenant_id=job.tenant_id,
                decision_id=decision_id,
                stage=decision.stage,
                video_id=job.id,
                prompt_id=job.prompt_id or None,
                paths=sealing.media_of(self._folder(job.id)),
            )

    def generate(self, video_id: str) -> Outcome:
        """Prompt to raw clip; a clip that an earlier run has finished is taken as it is."""
        job = self._jobs.load(video_id)
        folder = self._folder(video_id)
        if intact(folder.raw, folder.noted("raw")):
            return DONE
        model = self._services.generator(job.model)
        request = GenerationRequest(
            prompt=self._jobs.prompt(job),
            seconds=job.seconds,
            width=job.width,
            height=job.height,
            seed=job.seed,
            reference=references.kept(folder) if job.has_reference else None,
        )
        clip = model.generate(request, progress=self._progress(video_id, 0, 60))
        write_lossless(
            folder.raw, clip.chunks, width=clip.width, height=clip.height, fps=clip.fps, sound=clip.sound
        )
        # What made it, now: by the time of the signature the settings may name another revision.
        info = model.info
        made_by = {"name": info.name, "revision": info.revision, "digest": info.digest}
        folder.note("raw", {"digest": digest_of(folder.raw), "model": made_by})
        return DONE

    def examine_output(self, video_id: str) -> Outcome:
        """The output policy on a frame a second and on what is said; an approval stands, for the clip that was held."""
        job = self._jobs.load(video_id)
        folder = self._folder(video_id)
        if job.hold is not None:  # by this step, whose end was not recorded; only a person may take it back
            return self._held(job)
        raw = require(folder.raw, folder.noted("raw"))
        if self._jobs.approved(video_id, "output"):
            if folder.noted("held") == raw:
                return DONE
            return {
                "state": "failed",
                "code": "approved_clip_lost",
                "message": "The clip that the reviewer approved is gone; ask for the video again.",
            }
        judge = self._services.judge
        sound = speech(folder.raw) if judge.listens else None
        frames = _sampled(VideoFile(folder.raw))
        decision = judge.judge_frames(frames, stage="output", context=job.context, sound=sound)
        if decision.action == "review":
            folder.note("held", raw)
        return self._decided(job, decision)

    def mark(self, video_id: str, preset: str) -> Outcome:
        """Raw clip or picture to a watermarked file; one that an earlier run has finished is taken as it is.

        The clip must be the one that was judged: a damaged one is made and judged again.
        """
        job = self._jobs.load(video_id)
        folder = self._folder(video_id)
        require(folder.raw, folder.noted("raw"))
        key = self._services.mark_keys[0]
        codec = self._services.mark_codec
        made_so = {"preset": preset, "key_id": key.id, "algorithm": codec.algorithm}
        noted = folder.noted("marked")
        if noted is not None and made_so.items() <= noted.items() and intact(folder.marked, noted):
            return DONE
        source = VideoFile(folder.raw)
        embedder = codec.embedder(key, self._jobs.payload(job), source.info.width, source.info.height, preset)
        if job.still:
            write_still(source, folder.marked, job.format, quality=job.compression, transform=embedder)
        else:
            self._encode(video_id, source, folder, embedder)
        folder.note("marked", {**made_so, "digest": digest_of(folder.marked)})
        return DONE

    def _encode(self, video_id: str, source: VideoFile, folder: WorkFolder, embedder: Transform) -> None:
        encoder = self._services.encoding
        encode(
            source,
            folder.marked,
            transform=embedder,
            encoder=encoder.name,
            crf=encoder.crf,
            preset=encoder.preset,
            threads=encoder.threads,
            audio_from=folder.raw,
            progress=self._progress(video_id, 60, 85),
        )

    def fingerprint(self, video_id: str) -> Outcome:
        """Hashes of the pictures as they will be seen."""
        folder = self._folder(video_id)
        require(folder.marked, folder.noted("marked"))
        found = fingerprints.compute(VideoFile(folder.marked))
        folder.note("fingerprint", found.to_json())
        self._jobs.progress(video_id, 88)
        return DONE

    def sign(self, video_id: str) -> Outcome:
        """Manifest with model, actions and both soft bindings."""
        job = self._jobs.load(video_id)
        folder = self._folder(video_id)
        model = noted_of(folder.noted("raw"))["model"]
        marked = require(folder.marked, folder.noted("marked"))
        found = self._fingerprint(folder)
        wanted = self._jobs.tenant_settings(job)
        mining = self._services.training_mining
        if wanted.training_mining is not None:
            mining = credentials.training_mining(wanted.training_mining)
        spec = credentials.ManifestSpec(
            title=f"{video_id}.{job.format}",
            kind=_kind(job),
            ingredients=references.ingredients(folder, remixed=job.remixed, seen=job.has_reference)
            if job.has_reference or job.remixed
            else (),
            created=job.created,
            model=credentials.Model(**model),
            watermark=credentials.SoftBinding(marked["algorithm"], self._jobs.payload(job)),
            fingerprint=credentials.SoftBinding(fingerprints.ALGORITHM, found.to_bytes()),
            application=self._services.application,
            training_mining=mining,
            prompt=self._jobs.prompt(job) if wanted.prompt_in_manifest else None,
            human_validated=self._jobs.approved(video_id, "output"),
        )
        stamps = self._services.time_stamps
        signed = credentials.sign(folder.marked, folder.signed, spec, self._identity(), time_stamps=stamps)
        if stamps is not None and not signed.stamped:
            _log.warning("signed_without_time_stamp", video_id=video_id)
        with whole(folder.manifest) as draft:
            draft.write_bytes(signed.manifest)
        folder.note(
            "signed",
            {
                "manifest_id": signed.manifest_id,
                "manifest_digest": signed.manifest_digest,
                "digest": digest_of(folder.signed),
                "size": folder.signed.stat().st_size,
                "stamped": None if stamps is None else signed.stamped,
            },
        )
        self._jobs.progress(video_id, 92)
        return DONE

    def _identity(self) -> credentials.Identity:
        try:
            return self._services.identity()
        except credentials.CredentialsError as error:  # the operator can repair it
            raise PipelineError(error.code, str(error), passing=True) from None

    def self_check(self, video_id: str) -> Outcome:
        """Read manifest, mark and fingerprint back off the finished file, in a process of its own."""
        job = self._jobs.load(video_id)
        folder = self._folder(video_id)
        seen = inspect_file(self._services.inspector, folder.signed, foreign=False)
        fault = self._fault(job, folder, seen)
        if fault is None:
            self._jobs.progress(video_id, 96)
            return DONE
        code, message = fault
        return {"state": "failed", "code": code, "message": message}

    def _fault(self, job: Job, folder: WorkFolder, seen: Inspection) -> tuple[str, str] | None:
        signed = noted_of(folder.noted("signed"))
        if seen.sha256 != signed["digest"].removeprefix("sha256:"):
            return "self_check_failed", "The finished file changed on disk."
        report = seen.credentials
        if report is None or report.state != "trusted" or report.manifest_id != signed["manifest_id"]:
            state = "unread" if report is None else report.state
            return (
                "self_check_failed",
                f"The finished file's credentials read back as {state}, not as trusted.",
            )
        if seen.reading is None or seen.reading.payload != self._jobs.payload(job):
            return (
                "mark_unreadable",
                "The watermark could not be read back off the finished file, so it was not released: "
                "ask for larger pictures, or for less compression.",
            )
        if (
            seen.fingerprint is None
            # A clip without texture has no fingerprint that says anything; it may be released all the same.
            or fingerprints.compare(seen.fingerprint, self._fingerprint(folder)).reason == "no_match"
        ):
            return "self_check_failed", "The finished file's fingerprint does not match the recorded one."
        return None

    def release(self, video_id: str) -> Outcome:
        """Objects first, then registry, fingerprint and log entry in one transaction that completes the job."""
        job = self._jobs.load(video_id)
        if job.status == "completed":
            return self._cleaned(video_id)
        folder = self._folder(video_id)
        signed = require(folder.signed, folder.noted("signed"))
        require(folder.manifest, {"digest": signed["manifest_digest"]})
        marked = require(folder.marked, folder.noted("marked"))
        found = self._fingerprint(folder)
        if self._services.registry.blocks(found):
            return {
                "state": "failed",
                "code": "revoked_content",
                "message": "These pictures match a release that was revoked, so they are not released again.",
            }
        model = noted_of(folder.noted("raw"))["model"]
        key, manifest = object_key(video_id, signed["digest"]), manifest_key(signed["manifest_digest"])
        self._forget_objects(folder, but=(key, manifest))
        folder.note("object", {"keys": [key, manifest]})
        self._services.objects.put(manifest, folder.manifest)
        self._services.objects.put(key, folder.signed)
        if f"sha256:{self._services.objects.sha256(key)}" != signed["digest"]:
            raise PipelineError(
                "object_store_unavailable", "The stored file is not the signed one.", passing=True
            )
        self._jobs.release(
            job,
            NewRelease(
                asset_digest=signed["digest"],
                size=signed["size"],
                manifest_id=signed["manifest_id"],
                manifest_digest=signed["manifest_digest"],
                mark_algorithm=marked["algorithm"],
                mark_preset=marked["preset"],
                mark_key_id=marked["key_id"],
                model_name=model["name"],
                model_revision=model["revision"],
                model_digest=model["digest"],
                policy_digest=job.policy_digest,
                stamped=signed["stamped"],
            ),
            found,
        )
        return self._cleaned(video_id)

    def fail(self, video_id: str, code: str, message: str) -> Outcome:
        """The job is over; what it made is destroyed."""
        self._jobs.fail(video_id, code, message)
        self._forget_objects(self._folder(video_id))
        return self._cleaned(video_id)

    def stall(self, video_id: str, code: str, message: str) -> Outcome:
        """The job waits for a cause to pass; what it made stays."""
        self._jobs.stall(video_id, code, message)
        return DONE

    def upkeep(self) -> None:
        """Sign the newest entries of the log; tell of what was sealed; destroy what jobs left that ended elsewhere.

        Those are the ones that a person rejected, that were held for too long, or that ended just before a crash.
        """
        self._jobs.sign_log()
        self._jobs.forget_requests()
        sealing.tell(self._services)
        for root in self._services.work.glob("*_*"):
            if self._jobs.over(root.name):
                if not self._jobs.released(root.name):
                    self._forget_objects(WorkFolder(root))
                shutil.rmtree(root, ignore_errors=True)

    def _forget_objects(self, folder: WorkFolder, *, but: tuple[str, ...] = ()) -> None:
        """Remove what an earlier run stored and no release came to point to."""
        noted = folder.noted("object")
        for key in () if noted is None else noted["keys"]:
            if key not in but:
                self._services.objects.delete(key)

    def _cleaned(self, video_id: str) -> Outcome:
        shutil.rmtree(self._services.work / video_id, ignore_errors=True)
        return DONE

    def _folder(self, video_id: str) -> WorkFolder:
        return WorkFolder(self._services.work / video_id)

    def _fingerprint(self, folder: WorkFolder) -> fingerprints.Fingerprint:
        return fingerprints.Fingerprint.from_json(noted_of(folder.noted("fingerprint")))

    def _progress(self, video_id: str, start: int, end: int) -> Callable[[float], None]:
        """A callback that writes whole per cents, twice a second at most."""
        last = 0.0

        def report(share: float) -> None:
            nonlocal last
            if (now := time.monotonic()) - last >= _PROGRESS_EVERY:
                last = now
                percent = start + round((end - start) * min(max(share, 0.0), 1.0))
                with contextlib.suppress(StoreError):  # not worth losing a clip over
                    self._jobs.progress(video_id, percent)

        return report


def _kind(job: Job) -> credentials.Kind:
    if job.still:
        return "picture"
    if job.remixed:
        return "edit" if job.has_reference else "remix"
    return "image_to_video" if job.has_reference else "text_to_video"


def _sampled(source: VideoFile) -> Iterator[NDArray[np.uint8]]:
    info: ClipInfo = source.info
    every = max(1, round(float(info.fps) * SAMPLE_SECONDS))
    for chunk in source.chunks(every=every):
        yield from chunk.frames
