ALTER TABLE templates ADD COLUMN IF NOT EXISTS quality TEXT; -- the platform's quality score
